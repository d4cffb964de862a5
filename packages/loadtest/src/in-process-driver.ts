import { noFrames, type Driver, type PlannedCall } from './driver.ts';
import { PromiseConnection } from './promise-connection.ts';

/** What the function of an in-process target is told beside the call. */
export interface InProcessContext {
  session: number;
  /** Aborts when the call timed out or was given up. */
  signal: AbortSignal;
  /** Reports a piece of the answer, with the tokens it is worth. */
  piece(tokens: number): void;
}

/** One call of the code under test; a rejection whose `code` is one of the wire's counts as that code. */
export type InProcessTarget = (call: PlannedCall, context: InProcessContext) => Promise<unknown>;

/** Calls a function of this process: no network, the same load, records and reports. */
export function inProcess(target: InProcessTarget): Driver {
  const wire = noFrames();
  return {
    kind: 'in-process',
    wire,
    info: () => ({ kind: 'in-process' }),
    connect(session) {
      wire.connectsTried += 1;
      wire.connectsOpened += 1;
      return Promise.resolve(
        new PromiseConnection(async (call, signal, sink) => {
          await target(call, { session, signal, piece: (tokens) => sink.piece(tokens) });
          return { outcome: 'ok' };
        }),
      );
    },
  };
}
