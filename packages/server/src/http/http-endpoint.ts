import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';

import { bearerToken } from './authenticator.ts';
import type { Refusal, RequestGuard } from './request-guard.ts';

/** One path. What it answers is its own; who may ask was checked before. */
export interface Route {
  readonly methods: readonly string[];
  handle(request: IncomingMessage, response: ServerResponse, token: string | undefined): void | Promise<void>;
}

/** What {@link createHttpEndpoint} works with. */
export interface HttpEndpointParts {
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly guard: RequestGuard;
  /** By path. Read at each request, so routes may be added until then. */
  readonly routes: ReadonlyMap<string, Route>;
}

const SETTINGS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16 * 1024,
};

const SAFE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Makes the HTTP side of the one port: Host and Origin are checked for every route, every answer carries safe headers. */
export function createHttpEndpoint(parts: HttpEndpointParts): Server {
  const listener = (request: IncomingMessage, response: ServerResponse): void => void answer(parts, request, response);
  const server =
    parts.tls === undefined ? createHttp(SETTINGS, listener) : createHttps({ ...SETTINGS, ...parts.tls }, listener);
  server.on('clientError', (_, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  return server;
}

async function answer(parts: HttpEndpointParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
  try {
    const refusal = parts.guard.check(request);
    if (refusal !== undefined) {
      refuse(response, refusal);
      return;
    }
    const route = parts.routes.get(pathOf(request));
    if (route === undefined) refuse(response, { status: 404, message: 'there is nothing at this path' });
    else if (route.methods.includes(request.method ?? 'GET')) {
      await route.handle(request, response, bearerToken(request.headers.authorization));
    } else refuse(response.setHeader('allow', route.methods.join(', ')), { status: 405, message: 'not this method' });
  } catch {
    if (response.headersSent) response.destroy();
    else sendJson(response, 500, { error: 'an unexpected error ended the request' });
  }
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(text);
}

/** Answers with a refusal. */
export function refuse(response: ServerResponse, { status, message, retryAfterSeconds }: Refusal): void {
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  sendJson(response, status, { error: message });
}

function pathOf(request: IncomingMessage): string {
  try {
    return new URL(request.url ?? '/', 'http://server').pathname;
  } catch {
    return '';
  }
}
