import type { Call, ErrorCode, Result, ServerFrame } from '../protocol/index.ts';

import { ProtocolError } from './protocol-error.ts';

/** What a call tells while it runs. */
export type CallProgress = Extract<ServerFrame, { type: 'accepted' | 'progress' | 'chunk' }>;

/** The answer to a call. */
export type CallAnswer = Result & {
  /** All text parts joined. */
  readonly text: string;
};

/** Settings of one call. */
export interface CallOptions {
  /** Aborting it ends the call with `CANCELLED`, here at once and on the server. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from now, kept over reconnects. @defaultValue the server's for this tool */
  readonly deadlineMs?: number | undefined;
  readonly priority?: 'interactive' | 'batch' | undefined;
  /** @defaultValue a random one, so that the call can be sent again after a restart without being done twice */
  readonly idempotencyKey?: string | undefined;
  /** Pieces, progress and acceptance, as they come. Without it no pieces are asked for. */
  readonly onEvent?: ((event: CallProgress) => void) | undefined;
}

/** Added to the deadline: the answer needs time to travel, and the server's own end is better than ours. */
const MARGIN_MS = 5000;
const LONGEST_MS = 3_600_000;

/** One call from the side of the client: it settles exactly once, whatever becomes of the connection. */
export class PendingCall {
  readonly id: string;
  readonly answer: Promise<CallAnswer>;
  /** The server has it. */
  accepted = false;
  readonly #frame: Omit<Call, 'deadlineMs'>;
  readonly #options: CallOptions;
  readonly #startedAt = Date.now();
  readonly #settle: { readonly resolve: (answer: CallAnswer) => void; readonly reject: (error: ProtocolError) => void };
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #onAbort: () => void;

  constructor(frame: Omit<Call, 'deadlineMs'>, options: CallOptions, onAbort: () => void) {
    this.id = frame.id;
    this.#frame = frame;
    this.#options = options;
    const { promise, resolve, reject } = withResolvers<CallAnswer>();
    this.answer = promise;
    this.#settle = { resolve, reject };
    this.#onAbort = onAbort;
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const allMs = (options.deadlineMs ?? LONGEST_MS) + MARGIN_MS;
    this.#timer = setTimeout(() => this.fail('DEADLINE_EXCEEDED', `no answer came within ${allMs} ms`), allMs);
  }

  /** The frame to send now, with what is left of the deadline; nothing when nothing is left. */
  toFrame(): Call | undefined {
    const { deadlineMs } = this.#options;
    if (deadlineMs === undefined) return { ...this.#frame };
    const leftMs = Math.floor(deadlineMs - (Date.now() - this.#startedAt));
    return leftMs > 0 ? { ...this.#frame, deadlineMs: leftMs } : undefined;
  }

  tell(event: CallProgress): void {
    if (event.type === 'accepted') this.accepted = true;
    this.#options.onEvent?.(event);
  }

  succeed(result: Result): void {
    this.#finish();
    this.#settle.resolve({ ...result, text: result.content.map((part) => part.text).join('') });
  }

  fail(code: ErrorCode, message: string, retryable = false): void {
    this.reject(new ProtocolError({ code, message, retryable }));
  }

  reject(error: ProtocolError): void {
    this.#finish();
    this.#settle.reject(error);
  }

  #finish(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
