/** What one attempt asks of a {@link Gate}. */
export interface GateAsk {
  /** Key of the limit: `glm`, `kimi`, or with the account behind a colon. */
  provider: string;
  session: string;
  signal?: AbortSignal;
  /** Epoch milliseconds. Bounds the wait; it never takes a granted permit back. */
  deadlineAt?: number;
  priority?: number;
  /** True for a second attempt of the same call, which belongs at the head of its own session's queue. */
  retry?: boolean;
}

/** The right to run one attempt. */
export interface GatePermit {
  /** Aborts when the permit is lost; the attempt then ends with `PERMIT_LOST`. */
  readonly signal: AbortSignal;
  /** Called exactly once per attempt, after the last byte from the provider. `overload`: the provider refused for load. */
  readonly release: (outcome?: 'ok' | 'ignore' | 'overload') => unknown;
}

/** Limits how many attempts run at once. A `TieredSemaphore` of `@exai/semaphore` is one. */
export interface Gate {
  readonly acquire: (ask: GateAsk) => Promise<GatePermit>;
  /** Used for hedges only: a refusal means no hedge. */
  readonly tryAcquire?: (ask: GateAsk) => GatePermit | undefined;
}
