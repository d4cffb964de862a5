import type { IncomingHttpHeaders } from 'node:http';

import type { Dispatcher, Pool } from 'undici';

import {
  noFrames,
  type CallEnd,
  type CallSink,
  type Connection,
  type Driver,
  type PlannedCall,
  type WireCounters,
} from './driver.ts';
import { isObject } from './json-schema.ts';
import { LazyPool } from './lazy-pool.ts';
import { outcomeOfCode } from './outcome.ts';

/** How a tool is called over plain HTTP. */
export interface HttpOptions {
  url: string;
  /** @defaultValue POST */
  method?: 'POST' | 'PUT' | 'GET';
  headers?: Readonly<Record<string, string>>;
  /** Sockets at most. @defaultValue 100 */
  connections?: number;
  /** Body of a call. @defaultValue `{ tool, arguments, session }` as JSON */
  body?: (call: PlannedCall, session: number) => string;
  /** Judges a 2xx answer. @defaultValue a JSON body with an `error` is a failure, anything else is good */
  judge?: (text: string) => CallEnd;
}

const GOOD: CallEnd = { outcome: 'ok' };

/** Calls over HTTP with a pool of sockets (undici); nothing is ever sent twice. */
export function http(options: HttpOptions): Driver {
  const url = new URL(options.url);
  const pool = new LazyPool(url.origin, options.connections);
  const wire = noFrames();
  const { method = 'POST', body = toBody, judge = judgeJson } = options;
  const headers = { 'content-type': 'application/json', ...options.headers };
  const path = `${url.pathname}${url.search}`;
  return {
    kind: 'http',
    wire,
    info: () => ({ kind: 'http', url: options.url }),
    async connect(session) {
      const target = { pool: await pool.open(), wire, path, method, headers, judge };
      wire.connectsTried += 1;
      wire.connectsOpened += 1;
      return new HttpConnection(target, (call) => (method === 'GET' ? undefined : body(call, session)));
    },
    close: () => pool.close(),
  };
}

interface HttpTarget {
  pool: Pool;
  wire: WireCounters;
  path: string;
  method: 'POST' | 'PUT' | 'GET';
  headers: Record<string, string>;
  judge: (text: string) => CallEnd;
}

/** On the pool's own callbacks: a promise and an abort signal per request would cost more than the request. */
class HttpConnection implements Connection {
  readonly #target: HttpTarget;
  readonly #body: (call: PlannedCall) => string | undefined;
  readonly #answers = new Map<number, HttpAnswer>();
  #last = 0;

  constructor(target: HttpTarget, body: (call: PlannedCall) => string | undefined) {
    this.#target = target;
    this.#body = body;
  }

  send(call: PlannedCall, sink: CallSink): number {
    const { pool, path, method, headers, wire, judge } = this.#target;
    const handle = (this.#last += 1);
    const answer = new HttpAnswer(judge, (end) => {
      if (!this.#answers.delete(handle)) return;
      wire.framesReceived += 1;
      sink.end(end);
    });
    this.#answers.set(handle, answer);
    wire.framesSent += 1;
    pool.dispatch({ path, method, headers, body: this.#body(call) ?? null }, answer);
    return handle;
  }

  abandon(handle: number, why: 'timeout' | 'cancelled'): void {
    const answer = this.#answers.get(handle);
    this.#answers.delete(handle);
    answer?.abort(why);
  }

  close(): Promise<void> {
    for (const handle of this.#answers.keys()) this.abandon(handle, 'cancelled');
    return Promise.resolve();
  }
}

class HttpAnswer implements Dispatcher.DispatchHandler {
  readonly #judge: (text: string) => CallEnd;
  readonly #end: (end: CallEnd) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #text = '';
  #isAborted = false;

  constructor(judge: (text: string) => CallEnd, end: (end: CallEnd) => void) {
    this.#judge = judge;
    this.#end = end;
  }

  abort(why: string): void {
    this.#isAborted = true;
    this.#controller?.abort(new Error(why));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isAborted) controller.abort(new Error('given up before it was sent'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#text += chunk.toString('latin1');
  }

  onResponseEnd(): void {
    const isGood = this.#status < 300;
    this.#end(isGood ? this.#judge(toUtf8(this.#text)) : endOfStatus(this.#status, this.#headers));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(endOfFailure(error));
  }
}

/** Chunks may cut a character in two: bytes are kept as they came, and read as UTF-8 once they are all there. */
function toUtf8(bytes: string): string {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

const ASCII = /^[ -~\s]*$/;

function toBody(call: PlannedCall, session: number): string {
  return JSON.stringify({ tool: call.tool, arguments: call.arguments, session: String(session) });
}

/** An answer of 200 that carries an error is a failure. */
function judgeJson(text: string): CallEnd {
  if (!text.includes('"error"')) return GOOD;
  try {
    const parsed: unknown = JSON.parse(text);
    if (!isObject(parsed) || parsed['error'] === undefined || parsed['error'] === null) return GOOD;
    const code =
      isObject(parsed['error']) && typeof parsed['error']['code'] === 'string' ? parsed['error']['code'] : 'IN_BAND';
    return { outcome: outcomeOfCode(code), code };
  } catch {
    return GOOD;
  }
}

/** The end of a call that a status other than 2xx answered. */
export function endOfStatus(status: number, headers: IncomingHttpHeaders): CallEnd {
  const code = String(status);
  if (status === 429 || status === 503) {
    const seconds = Number(headers['retry-after']);
    return {
      outcome: 'rejected',
      code,
      ...(Number.isFinite(seconds) && seconds > 0 && { retryAfterMs: seconds * 1000 }),
    };
  }
  if (status === 408 || status === 504) return { outcome: 'timeout_server', code };
  return { outcome: 'tool_error', code };
}

const CONNECT_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The end of a call that never got an answer. */
export function endOfFailure(error: unknown): CallEnd {
  const code = isObject(error) && typeof error['code'] === 'string' ? error['code'] : 'FAILED';
  return { outcome: CONNECT_CODES.has(code) ? 'connect_failed' : 'closed', code };
}
