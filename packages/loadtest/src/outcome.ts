/** Every outcome, in the order of reports. */
export const OUTCOMES = [
  'ok',
  'stopped',
  'tool_error',
  'rejected',
  'timeout_client',
  'timeout_server',
  'connect_failed',
  'closed',
  'protocol_error',
  'cancelled',
  'dropped',
  'censored',
] as const;

/**
 * How one call ended. Exactly one applies to every call that was planned.
 *
 * `stopped`: a workflow ended for another reason than `complete` (the code names it). `dropped`: never sent.
 * `censored`: still running when the drain ended. `closed`: the connection ended under the call (the code is the close code).
 */
export type Outcome = (typeof OUTCOMES)[number];

/** A number per outcome. */
export type OutcomeCounts = Record<Outcome, number>;

/** A count of 0 for every outcome. */
export function noOutcomes(): OutcomeCounts {
  return {
    ok: 0,
    stopped: 0,
    tool_error: 0,
    rejected: 0,
    timeout_client: 0,
    timeout_server: 0,
    connect_failed: 0,
    closed: 0,
    protocol_error: 0,
    cancelled: 0,
    dropped: 0,
    censored: 0,
  };
}

/** True when the server owed an answer and none came: a call that is lost to whoever made it. */
export function isLost(outcome: Outcome): boolean {
  return outcome === 'timeout_client' || outcome === 'closed' || outcome === 'censored';
}

const TIMEOUTS: ReadonlySet<Outcome> = new Set(['timeout_client', 'timeout_server']);

/** True for either side's time-out. */
export function isTimeout(outcome: Outcome): boolean {
  return TIMEOUTS.has(outcome);
}

const WIRE_OUTCOMES: Readonly<Record<string, Outcome>> = {
  OVER_CAPACITY: 'rejected',
  QUEUE_TIMEOUT: 'rejected',
  RATE_LIMITED: 'rejected',
  SERVER_DRAINING: 'rejected',
  CIRCUIT_OPEN: 'rejected',
  DEADLINE_EXCEEDED: 'timeout_server',
  CANCELLED: 'cancelled',
  INVALID_MESSAGE: 'protocol_error',
  DUPLICATE_ID: 'protocol_error',
  UNSUPPORTED_VERSION: 'protocol_error',
};

/** The outcome of an `error` frame of `exai.v1`; every code that is not about admission or time is a `tool_error`. */
export function outcomeOfCode(code: string): Outcome {
  return WIRE_OUTCOMES[code] ?? 'tool_error';
}
