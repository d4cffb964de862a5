import { Pool, type Dispatcher } from 'undici';

import { noFrames, type CallEnd, type Driver, type PlannedCall } from './driver.ts';
import { isObject } from './json-schema.ts';
import { outcomeOfCode } from './outcome.ts';
import { PromiseConnection } from './promise-connection.ts';

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
  const pool = new Pool(url.origin, { connections: options.connections ?? 100, pipelining: 1 });
  const wire = noFrames();
  const { method = 'POST', body = toBody, judge = judgeJson } = options;
  const headers = { 'content-type': 'application/json', ...options.headers };
  const path = `${url.pathname}${url.search}`;
  return {
    kind: 'http',
    wire,
    info: () => ({ kind: 'http', url: options.url }),
    connect(session) {
      wire.connectsTried += 1;
      wire.connectsOpened += 1;
      return Promise.resolve(
        new PromiseConnection(async (call, signal) => {
          wire.framesSent += 1;
          const response = await pool
            .request({ path, method, headers, signal, ...(method !== 'GET' && { body: body(call, session) }) })
            .catch(endOfFailure);
          if ('outcome' in response) return response;
          const text = await response.body.text();
          wire.framesReceived += 1;
          return response.statusCode < 300 ? judge(text) : endOfStatus(response.statusCode, response.headers);
        }),
      );
    },
    close: () => pool.destroy(),
  };
}

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
export function endOfStatus(status: number, headers: Dispatcher.ResponseData['headers']): CallEnd {
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
