import { SharedAdmissionError } from './shared-admission-error.ts';

/** What a process keeps of one pool and how much more it wants. */
export interface PoolAsk {
  readonly pool: string;
  readonly cap: number;
  readonly keep: number;
  readonly want: number;
  /** Weight of the waiting sessions: how often this process is served beside others. */
  readonly share: number;
  /** Releases with outcome `ok` so far. */
  readonly clean: number;
  /** The cut under which an overload was seen, −1 for none: one overload cuts once. */
  readonly over: number;
}

/** One call of the admission script, as it travels. */
export interface AdmissionCall {
  readonly pid: string;
  readonly seq: number;
  /** The last call whose reply has been heard. */
  readonly ack: number;
  readonly epoch: string;
  readonly full: 0 | 1;
  readonly fresh: 0 | 1;
  readonly leave: 0 | 1;
  readonly ttl: number;
  readonly lease: number;
  readonly claim: number;
  readonly fence: number;
  /** 1 lets the capacities sent along replace those of the account. */
  readonly set: 0 | 1;
  readonly g: number;
  readonly s: number;
  readonly decrease?: number;
  readonly increase?: number;
  readonly pools: readonly PoolAsk[];
}

/** What became of one pool. */
export interface PoolReply {
  readonly credit: number;
  readonly limit: number;
  readonly cap: number;
  readonly used: number;
  readonly cuts: number;
  readonly isContended: boolean;
  readonly left: number;
}

/** What Redis says to a call. */
export interface AdmissionReply {
  readonly epoch: string;
  readonly openInMs: number;
  readonly processes: number;
  readonly limit: number;
  readonly used: number;
  readonly session: number;
  readonly fence: number;
  /** Milliseconds until a lease may end unless it is renewed. */
  readonly nextEndMs: number;
  readonly pools: readonly PoolReply[];
}

/** `unknown`: Redis does not know this process (any more) and asks for everything it holds. */
export type AdmissionOutcome = AdmissionReply | 'unknown' | 'stale' | 'left';

/** Reads a reply. @throws SharedAdmissionError for a refusal, or for what is no reply of ours */
export function toAdmissionOutcome(text: unknown): AdmissionOutcome {
  const reply = parse(text);
  if (reply['unknown'] === 1) return 'unknown';
  if (reply['stale'] === 1) return 'stale';
  if (reply['left'] === 1) return 'left';
  if (typeof reply['error'] === 'string') throw toError(reply['error'], String(reply['detail']));
  const pools = Array.isArray(reply['pools']) ? reply['pools'] : [];
  return {
    epoch: String(reply['epoch']),
    openInMs: Number(reply['open']),
    processes: Number(reply['processes']),
    limit: Number(reply['limit']),
    used: Number(reply['used']),
    session: Number(reply['session']),
    fence: Number(reply['fence']),
    nextEndMs: Number(reply['next']),
    pools: pools.map(toPoolReply),
  };
}

function toPoolReply(row: unknown): PoolReply {
  const [credit, limit, cap, used, cuts, isContended, left] = Array.isArray(row) ? row.map(Number) : [];
  if (credit === undefined || limit === undefined || cap === undefined || used === undefined || cuts === undefined)
    throw new SharedAdmissionError('FOREIGN_LAYOUT', `Redis answered with a row that is none: ${JSON.stringify(row)}`);
  return { credit, limit, cap, used, cuts, isContended: isContended === 1, left: left ?? 0 };
}

function parse(text: unknown): Record<string, unknown> {
  const value: unknown = JSON.parse(String(text));
  if (typeof value === 'object' && value !== null) return { ...value };
  throw new SharedAdmissionError('FOREIGN_LAYOUT', `Redis answered with what is no reply: ${String(text)}`);
}

function toError(code: string, detail: string): SharedAdmissionError {
  if (code === 'TTL_MISMATCH')
    return new SharedAdmissionError(code, `the other processes of the account use ttlMs ${detail}`);
  return new SharedAdmissionError('FOREIGN_LAYOUT', `the account's keys hold something else: ${detail}`);
}
