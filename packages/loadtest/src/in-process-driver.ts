import { noFrames, type CallEnd, type CallSink, type Connection, type Driver, type PlannedCall } from './driver.ts';
import { isObject } from './json-schema.ts';
import { outcomeOfCode } from './outcome.ts';

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
      return Promise.resolve(new InProcessConnection(target, session));
    },
  };
}

class InProcessConnection implements Connection {
  readonly #target: InProcessTarget;
  readonly #session: number;
  readonly #calls = new Map<number, AbortController>();
  #last = 0;

  constructor(target: InProcessTarget, session: number) {
    this.#target = target;
    this.#session = session;
  }

  send(call: PlannedCall, sink: CallSink): number {
    const handle = (this.#last += 1);
    const controller = new AbortController();
    this.#calls.set(handle, controller);
    const piece = (tokens: number): void => sink.piece(tokens);
    const finish = (end: CallEnd): void => {
      if (this.#calls.delete(handle)) sink.end(end);
    };
    start(() => this.#target(call, { session: this.#session, signal: controller.signal, piece })).then(
      () => finish({ outcome: 'ok' }),
      (error: unknown) => finish(endOfRejection(error)),
    );
    return handle;
  }

  abandon(handle: number, why: 'timeout' | 'cancelled'): void {
    const controller = this.#calls.get(handle);
    this.#calls.delete(handle);
    controller?.abort(new Error(why));
  }

  close(): Promise<void> {
    for (const handle of this.#calls.keys()) this.abandon(handle, 'cancelled');
    return Promise.resolve();
  }
}

/** Turns a synchronous throw into a rejection. */
async function start(work: () => Promise<unknown>): Promise<unknown> {
  return work();
}

function endOfRejection(error: unknown): CallEnd {
  const code = isObject(error) && typeof error['code'] === 'string' ? error['code'] : undefined;
  if (code !== undefined) return { outcome: outcomeOfCode(code), code };
  return { outcome: 'tool_error', code: error instanceof Error ? error.name : 'rejected' };
}
