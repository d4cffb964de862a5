import type { HolderInfo, HolderState, LossReason } from './holder-info.ts';
import type { Linked } from './linked-list.ts';
import type { HeldPermit } from './permit.ts';
import { whose, type Seat } from './seat.ts';

/** The account of one permit, without a reference to it: what is left to reason with when the permit is gone. */
export class HoldRecord<S extends Seat> implements Linked<HoldRecord<S>> {
  prev: HoldRecord<S> | undefined;
  next: HoldRecord<S> | undefined;
  readonly id: number;
  readonly seat: S;
  readonly weight: number;
  readonly label: string | undefined;
  readonly deadlineAt: number | undefined;
  readonly maxHoldMs: number | undefined;
  readonly stack: string | undefined;
  readonly grantedAt: number;
  note: string | undefined;
  state: HolderState | 'ended' = 'held';
  loss: LossReason | undefined;
  /** The four below are milliseconds of the ledger's clock, Infinity for never. */
  overdueAt: number = Infinity;
  leaseEndsAt: number = Infinity;
  reclaimAt: number = Infinity;
  quarantineEndsAt: number = Infinity;
  /** Nested calls of the same flow that wait. */
  blockedBy = 0;
  /** Weak, or a listener on the signal that refers to the permit would keep the permit reachable. */
  controller: WeakRef<AbortController> | undefined;

  constructor(permit: HeldPermit<S>, deadlineAt: number | undefined) {
    const { terms } = permit;
    this.id = permit.id;
    this.seat = permit.seat;
    this.weight = permit.weight;
    this.grantedAt = permit.grantedAt;
    this.label = terms?.label;
    this.deadlineAt = deadlineAt;
    this.maxHoldMs = terms?.maxHoldMs;
    // Reading formats the trace. Left unread it would keep its frames alive, and with them the permit.
    this.stack = toCallerStack(terms?.trace?.stack);
    if (permit.controller !== undefined) this.controller = new WeakRef(permit.controller);
  }

  /** Whether a release still counts: false from the reclaim on. */
  get isHeld(): boolean {
    return this.state === 'held' || this.state === 'overdue' || this.state === 'leaked';
  }

  /** Whether the permit was taken to be lost and still occupies its tiers in full. */
  get isLost(): boolean {
    return this.loss !== undefined && this.isHeld;
  }
}

/** What is told of a {@link HoldRecord}, or of a permit that has none yet. */
export type Hold<S extends Seat> = Pick<
  HoldRecord<S>,
  'id' | 'seat' | 'weight' | 'label' | 'deadlineAt' | 'stack' | 'grantedAt' | 'note' | 'state'
>;

/** The facts of a hold at a time of the ledger's clock. */
export function toHolderInfo(hold: Hold<Seat>, now: number): HolderInfo {
  const { id, weight, deadlineAt, state, stack, note } = hold;
  return {
    id,
    fence: id,
    ...whose(hold.seat, hold.label),
    weight,
    ageMs: Math.max(0, now - hold.grantedAt),
    ...(deadlineAt !== undefined && { deadlineAt }),
    state: state === 'ended' ? 'held' : state,
    ...(stack !== undefined && { stack }),
    ...(note !== undefined && { note }),
  };
}

/** A frame of this package's own classes. */
const OWN_FRAME = /^\s*at (?:async )?_?(?:Tiered|Redis)?Semaphore(?:Base|Core)?\./;

/** The frames of the caller: neither the heading nor the way through this package. */
export function toCallerStack(stack: string | undefined): string | undefined {
  if (stack === undefined) return undefined;
  const frames = stack.split('\n').slice(1);
  const first = frames.findIndex((frame) => !OWN_FRAME.test(frame));
  return frames.slice(Math.max(0, first)).join('\n');
}
