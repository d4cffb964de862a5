import type { CapacityTier } from './capacity-tier.ts';
import type { HeapNode } from './heap.ts';
import type { ProviderTier } from './provider-tier.ts';
import type { Seat } from './seat.ts';
import type { SessionTier } from './session-tier.ts';
import { WaitQueue } from './wait-queue.ts';
import type { Waiter } from './waiter.ts';

/** The calls of one session to one provider. Its heap key is the session's tag, its order the arrival of its first call. */
export class Flow implements Seat, HeapNode {
  readonly global: CapacityTier;
  readonly provider: ProviderTier;
  readonly session: SessionTier;
  readonly queue: WaitQueue<Waiter<Flow>> = new WaitQueue();
  key = 0;
  order = 0;
  slot = -1;

  constructor(global: CapacityTier, provider: ProviderTier, session: SessionTier) {
    this.global = global;
    this.provider = provider;
    this.session = session;
  }
}

/** How long each tier was full while a call waited, in milliseconds. */
export function waitsOf(
  { seat, globalFull, providerFull, sessionFull }: Waiter<Flow>,
  now: number,
): [CapacityTier, number][] {
  const { global, provider, session } = seat;
  return [
    [session, session.fullUntil(now) - sessionFull],
    [provider, provider.fullUntil(now) - providerFull],
    [global, global.fullUntil(now) - globalFull],
  ];
}
