import type { Outcome } from './outcome.ts';

/** One call as the load tester decided it, before it is sent. */
export interface PlannedCall {
  /** Place in the scenario's mix. */
  entry: number;
  tool: string;
  provider?: string;
  /** Service time asked of a simulated provider, in milliseconds, already scaled; absent for real work. */
  serviceMs?: number;
  /** Given to the server; the client itself waits a little longer for the answer. */
  deadlineMs: number;
  /** True when the deadline is shorter than the service time on purpose. */
  forcedTimeout: boolean;
  arguments: Readonly<Record<string, unknown>>;
}

/** What the target said when a call ended. */
export interface CallEnd {
  outcome: Outcome;
  /** The wire's error code, close code, HTTP status or stop kind. */
  code?: string;
  /** Wait for admission and permits, as the server reports it. */
  queuedMs?: number;
  retryAfterMs?: number;
  /** All tokens that the call used, as the target tells it. */
  tokens?: number;
  /** What it cost in US dollars, as the target tells it. */
  usd?: number;
}

/** Receives what happens to one call, on the caller's turn of the event loop. */
export interface CallSink {
  /** Any frame about this call other than its end. */
  event(): void;
  /** A piece of the answer, with the tokens it is worth. */
  piece(tokens: number): void;
  end(end: CallEnd): void;
}

/** One session's way to the target. */
export interface Connection {
  /** Sends at once and returns a handle for {@link abandon}; the sink's `end` is called exactly once. */
  send(call: PlannedCall, sink: CallSink): number;
  /** Forgets a call without calling its sink again, and tells the target where the protocol can. */
  abandon(handle: number, why: 'timeout' | 'cancelled'): void;
  /** Ends the connection; settles within the driver's closing limit even when the target does not answer. */
  close(): Promise<void>;
}

/** What a target says about itself. */
export interface TargetInfo {
  kind: string;
  url?: string;
  server?: string;
  simulatorTimeScale?: number;
}

/** Frames and connections of a run, counted where they happen. */
export interface WireCounters {
  framesSent: number;
  framesReceived: number;
  /** An answer to a call that had already timed out here. */
  late: number;
  /** A second answer to one call. */
  duplicate: number;
  /** A frame about a call that was never made. */
  unsolicited: number;
  malformed: number;
  connectsTried: number;
  connectsOpened: number;
  connectsFailed: number;
  reconnects: number;
  /** Closes by code that the load tester did not ask for. */
  closedByCode: Record<string, number>;
}

/** All counters at 0. */
export function noFrames(): WireCounters {
  return {
    framesSent: 0,
    framesReceived: 0,
    late: 0,
    duplicate: 0,
    unsolicited: 0,
    malformed: 0,
    connectsTried: 0,
    connectsOpened: 0,
    connectsFailed: 0,
    reconnects: 0,
    closedByCode: {},
  };
}

/** How calls reach a target. One driver serves one run. */
export interface Driver {
  readonly kind: string;
  readonly wire: WireCounters;
  /** Opens one session; `onClose` is called when it ends without {@link Connection.close}. */
  connect(session: number, onClose: (code: string) => void): Promise<Connection>;
  /** What the target said about itself, after the first connection. */
  info(): TargetInfo;
  /** Frees what outlives the connections. */
  close?(): Promise<void>;
}
