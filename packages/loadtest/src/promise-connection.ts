import type { CallEnd, CallSink, Connection, PlannedCall } from './driver.ts';
import { isObject } from './json-schema.ts';
import { outcomeOfCode } from './outcome.ts';

/** Makes one call and says how it ended; must end when `signal` aborts. */
export type Work = (call: PlannedCall, signal: AbortSignal, sink: CallSink) => Promise<CallEnd>;

/** A connection over anything that answers with a promise. */
export class PromiseConnection implements Connection {
  readonly #work: Work;
  readonly #end: () => Promise<void>;
  readonly #calls = new Map<number, AbortController>();
  #last = 0;

  constructor(work: Work, end: () => Promise<void> = () => Promise.resolve()) {
    this.#work = work;
    this.#end = end;
  }

  send(call: PlannedCall, sink: CallSink): number {
    const handle = (this.#last += 1);
    const controller = new AbortController();
    this.#calls.set(handle, controller);
    this.#run(handle, call, controller.signal, sink).catch(() => undefined);
    return handle;
  }

  abandon(handle: number, why: 'timeout' | 'cancelled'): void {
    const controller = this.#calls.get(handle);
    this.#calls.delete(handle);
    controller?.abort(new Error(why));
  }

  async close(): Promise<void> {
    for (const handle of this.#calls.keys()) this.abandon(handle, 'cancelled');
    await this.#end();
  }

  async #run(handle: number, call: PlannedCall, signal: AbortSignal, sink: CallSink): Promise<void> {
    let end: CallEnd;
    try {
      end = await this.#work(call, signal, sink);
    } catch (error) {
      end = endOfRejection(error);
    }
    if (this.#calls.delete(handle)) sink.end(end);
  }
}

/** The end that a rejection stands for: its `code` when it is one of the wire's, its name otherwise. */
export function endOfRejection(error: unknown): CallEnd {
  const code = isObject(error) && typeof error['code'] === 'string' ? error['code'] : undefined;
  if (code !== undefined) return { outcome: outcomeOfCode(code), code };
  return { outcome: 'tool_error', code: error instanceof Error ? error.name : 'rejected' };
}
