import type { IncomingHttpHeaders } from 'node:http';

import {
  noFrames,
  type CallEnd,
  type CallSink,
  type Connection,
  type Driver,
  type PlannedCall,
  type WireCounters,
} from './driver.ts';
import { HttpSockets, type SocketUser } from './http-sockets.ts';
import { isObject } from './json-schema.ts';
import { KeptTexts } from './kept-texts.ts';
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

/** Calls over HTTP with kept sockets (undici); nothing is ever sent twice. */
export function http(options: HttpOptions): Driver {
  const url = new URL(options.url);
  const sockets = new HttpSockets(url.origin, options.connections);
  const wire = noFrames();
  const { method = 'POST', body, judge = judgeJson } = options;
  const headers = { 'content-type': 'application/json', ...options.headers };
  const path = `${url.pathname}${url.search}`;
  return {
    kind: 'http',
    wire,
    info: () => ({ kind: 'http', url: options.url }),
    async connect(session) {
      const bodies = new KeptTexts((call) => bodyOf(call, session));
      const write = (call: PlannedCall): string | Buffer => (body ? body(call, session) : bodies.of(call));
      await sockets.load();
      wire.connectsTried += 1;
      wire.connectsOpened += 1;
      return new HttpConnection({
        sockets,
        wire,
        path,
        method,
        headers,
        judge,
        write: method === 'GET' ? () => null : write,
      });
    },
    close: () => sockets.close(),
  };
}

interface HttpTarget {
  sockets: HttpSockets;
  wire: WireCounters;
  path: string;
  method: 'POST' | 'PUT' | 'GET';
  headers: Record<string, string>;
  judge: (text: string) => CallEnd;
  write: (call: PlannedCall) => string | Buffer | null;
}

/** On the library's own callbacks: a promise and an abort signal per request would cost more than the request. */
class HttpConnection implements Connection {
  readonly #target: HttpTarget;
  readonly #answers = new Map<number, HttpAnswer>();
  #last = 0;

  constructor(target: HttpTarget) {
    this.#target = target;
  }

  send(call: PlannedCall, sink: CallSink): number {
    const { sockets, path, method, headers, write, wire } = this.#target;
    const handle = (this.#last += 1);
    const answer = new HttpAnswer(this, handle, sink);
    this.#answers.set(handle, answer);
    wire.framesSent += 1;
    // Named one by one: undici reads a spread object several times slower.
    sockets.send({ path, method, headers, body: write(call) }, answer);
    return handle;
  }

  /** The answer is there, or will not come. */
  finish(answer: HttpAnswer, end: CallEnd): void {
    this.#target.sockets.release(answer);
    if (!this.#answers.delete(answer.handle)) return;
    this.#target.wire.framesReceived += 1;
    answer.sink.end(end);
  }

  judge(text: string): CallEnd {
    return this.#target.judge(text);
  }

  abandon(handle: number, why: 'timeout' | 'cancelled'): void {
    const answer = this.#answers.get(handle);
    if (!answer) return;
    this.#answers.delete(handle);
    this.#target.sockets.forget(answer);
    answer.abort(why);
  }

  close(): Promise<void> {
    for (const handle of this.#answers.keys()) this.abandon(handle, 'cancelled');
    return Promise.resolve();
  }
}

/** Takes headers as they came, in bytes: undici would make an object of them for every answer, and only a refusal's are read. */
class HttpAnswer implements SocketUser {
  client: SocketUser['client'];
  readonly handle: number;
  readonly sink: CallSink;
  readonly #connection: HttpConnection;
  #abort: ((error: Error) => void) | undefined;
  #status = 0;
  #headers: readonly Buffer[] = [];
  #text = '';
  #isAborted = false;

  constructor(connection: HttpConnection, handle: number, sink: CallSink) {
    this.#connection = connection;
    this.handle = handle;
    this.sink = sink;
  }

  abort(why: string): void {
    this.#isAborted = true;
    this.#abort?.(new Error(why));
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    if (this.#isAborted) abort(new Error('given up before it was sent'));
  }

  onHeaders(status: number, headers: Buffer[]): boolean {
    this.#status = status;
    this.#headers = headers;
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#text += chunk.toString('latin1');
    return true;
  }

  onComplete(): void {
    const isGood = this.#status < 300;
    const end = isGood
      ? this.#connection.judge(toUtf8(this.#text))
      : endOfStatus(this.#status, { 'retry-after': retryAfterOf(this.#headers) });
    this.#connection.finish(this, end);
  }

  onError(error: Error): void {
    this.#connection.finish(this, endOfFailure(error));
  }
}

/** Names and values take turns. */
function retryAfterOf(headers: readonly Buffer[]): string | undefined {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toString().toLowerCase() === 'retry-after');
  return at === -1 ? undefined : headers[at + 1]?.toString();
}

/** Chunks may cut a character in two: bytes are kept as they came, and read as UTF-8 once they are all there. */
function toUtf8(bytes: string): string {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

const ASCII = /^[ -~\s]*$/;

function bodyOf({ tool, arguments: given }: PlannedCall, session: number): Buffer {
  return Buffer.from(JSON.stringify({ tool, arguments: given, session: String(session) }));
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
