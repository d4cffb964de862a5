import type { CapacityTier } from './capacity-tier.ts';
import type { FlowContext, FlowNode } from './flow-context.ts';
import type { HoldRecord } from './hold-record.ts';
import { tiersOf, type Seat } from './seat.ts';
import type { Waiter } from './waiter.ts';

/** A tier that can free nothing: every permit of it is held by a flow that itself waits. */
export interface Deadlock<S extends Seat> {
  readonly tier: CapacityTier;
  readonly holder: HoldRecord<S>;
}

/** The flow of one permit of `run` or `runStream`. */
export interface Flowing {
  enter<T>(task: () => T): T;
  /** The permit is about to be released. */
  leave(): void;
}

/** Iterates a stream with every step inside the flow. */
export async function* iterateInFlow<T>(flow: Flowing, stream: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  const iterator = stream[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      const step = await flow.enter(() => iterator.next());
      isDone = step.done === true;
      if (step.done === true) return;
      yield step.value;
    }
  } catch (error) {
    isDone = true;
    throw error;
  } finally {
    if (!isDone) await flow.enter(() => iterator.return?.());
  }
}

/**
 * Sees a call wait for permits that only it, or others that wait like it, could release. Exact as long as permits of `run`
 * and `runStream` are released by the flow that took them, which those two see to.
 */
export class DeadlockWatch<S extends Seat> {
  readonly #context: FlowContext;
  readonly #records = new Map<number, HoldRecord<S>>();
  readonly #waits = new Map<Waiter<S>, readonly HoldRecord<S>[]>();

  constructor(context: FlowContext) {
    this.#context = context;
  }

  /** Starts the flow that holds the permit of this record. */
  open(record: HoldRecord<S>): Flowing {
    this.#records.set(record.id, record);
    return {
      enter: (task) => this.#context.run({ id: record.id, outer: this.#context.getStore() }, task),
      leave: () => this.#leave(record),
    };
  }

  /** Notes that the calling flow waits for these tiers from now on. Returns what it would wait for in vain. */
  wait(waiter: Waiter<S>): Deadlock<S> | undefined {
    const held = this.#heldBy(this.#context.getStore());
    const innermost = held[0];
    if (innermost === undefined) return undefined;
    this.#waits.set(waiter, held);
    for (const record of held) {
      if (record.blockedBy === 0) block(record, 1);
      record.blockedBy += 1;
    }
    const tier = tiersOf(waiter.seat).find((each) => each.isFull && each.blocked >= each.held);
    return tier === undefined ? undefined : { tier, holder: innermost };
  }

  /** The waiter waits no more. */
  stopWaiting(waiter: Waiter<S>): void {
    const held = this.#waits.get(waiter);
    if (held === undefined) return;
    this.#waits.delete(waiter);
    for (const record of held) {
      if (record.blockedBy === 0) continue;
      record.blockedBy -= 1;
      if (record.blockedBy === 0) block(record, -1);
    }
  }

  #leave(record: HoldRecord<S>): void {
    this.#records.delete(record.id);
    if (record.blockedBy > 0) block(record, -1);
    record.blockedBy = 0;
  }

  #heldBy(flow: FlowNode | undefined): HoldRecord<S>[] {
    const held: HoldRecord<S>[] = [];
    for (let node = flow; node !== undefined; node = node.outer) {
      const record = this.#records.get(node.id);
      if (record?.isHeld === true) held.push(record);
    }
    return held;
  }
}

function block<S extends Seat>(record: HoldRecord<S>, sign: 1 | -1): void {
  for (const tier of tiersOf(record.seat)) tier.blocked += sign * record.weight;
}
