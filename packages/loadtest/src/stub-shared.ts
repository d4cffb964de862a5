import type { Clock } from './clock.ts';
import { isObject } from './json-schema.ts';
import type { PermitLimits, PermitModel } from './permit-model.ts';
import type { StubMode } from './stub-mode.ts';

/** How the stub behaves. */
export interface StubOptions {
  /** @defaultValue 0: any free port */
  port?: number;
  /** @defaultValue 127.0.0.1 */
  host?: string;
  /** @defaultValue global 5, session 2, glm 2, kimi 3 */
  limits?: PermitLimits;
  /** Reported in `welcome`. @defaultValue 1 */
  timeScale?: number;
  /** False: `welcome` names no simulator, as a server with real models does. @defaultValue true */
  isSimulator?: boolean;
  /** Told with every result. @defaultValue none */
  usage?: { totalTokens: number; costUsd?: number };
  /** Service time of a call that asks for none, in milliseconds. @defaultValue 20 */
  serviceMs?: number;
  /** Pieces of an answer. @defaultValue 2 */
  pieces?: number;
  /** Calls of one session that may wait; one more is refused with `OVER_CAPACITY`. @defaultValue 50 */
  maxQueued?: number;
  /** Interval at which leaked permits are looked for and taken back, in milliseconds; 0 never. @defaultValue 200 */
  healthCheckMs?: number;
  /** Misbehaviour of every call. @defaultValue 'none' */
  mode?: StubMode;
  /** In mode `late_reply`: how long after its deadline a call is answered, in milliseconds. @defaultValue 1_200 */
  lateByMs?: number;
  /** Token that `hello` must carry. */
  token?: string;
  /** @defaultValue the machine's clock */
  clock?: Clock;
}

/** One call as the stub itself timed it, in milliseconds of its own clock. */
export interface ServedCall {
  tool: string;
  arrivedAt: number;
  answeredAt: number;
}

/** What the connections of one stub share. */
export interface StubShared {
  options: StubOptions;
  permits: PermitModel;
  served: ServedCall[];
  state: { mode: StubMode };
  clock: Clock;
  sessions: Set<{ drop(code: number): void; terminate(): void }>;
}

/** Calls whose times the stub keeps. */
const MAX_SERVED = 200_000;

/** Notes a call that has been answered. */
export function noteServed({ served }: StubShared, call: ServedCall): void {
  served.push(call);
  if (served.length > MAX_SERVED) served.splice(0, MAX_SERVED / 2);
}

/** Service time that a call asks for, in milliseconds. */
export function serviceOf(args: Record<string, unknown>): number | undefined {
  const { simulate } = args;
  return isObject(simulate) && typeof simulate['serviceMs'] === 'number' ? simulate['serviceMs'] : undefined;
}
