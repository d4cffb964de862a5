import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { PROTOCOL } from '@exai/server/protocol';
import type { WebSocket } from 'ws';

import { systemClock } from './clock.ts';
import { PermitModel } from './permit-model.ts';
import { renderPermitMetrics } from './permit-metrics.ts';
import { isStubMode, type StubMode } from './stub-mode.ts';
import { StubSession } from './stub-session.ts';
import { noteServed, serviceOf, type ServedCall, type StubOptions, type StubShared } from './stub-shared.ts';
import { textOf } from './text-of.ts';
import { isObject } from './json-schema.ts';
import { loadWs } from './load-ws.ts';

/** A running stub. */
export interface StubServer {
  readonly url: string;
  readonly httpUrl: string;
  readonly port: number;
  readonly permits: PermitModel;
  /** What every further call meets. */
  mode: StubMode;
  /** Service times as the stub itself measured them, in milliseconds from arrival to answer, by tool. */
  readonly served: readonly ServedCall[];
  /** Cuts `count` connections with a close code. */
  dropConnections(count: number, code?: number): number;
  /** Blocks the whole process, as a stalled server would. */
  stall(ms: number): void;
  close(): Promise<void>;
}

/**
 * A small deterministic tool server that speaks `exai.v1` over WebSocket and plain JSON over HTTP, with permits, `/metrics`
 * and fault switches: what the load tester is tested against, and what users can try it on.
 */
export async function createStubServer(options: StubOptions = {}): Promise<StubServer> {
  const { host = '127.0.0.1', clock = systemClock } = options;
  const permits = new PermitModel(options.limits ?? { global: 5, session: 2, providers: { glm: 2, kimi: 3 } }, clock);
  const sessions: StubShared['sessions'] = new Set();
  const served: ServedCall[] = [];
  const state: { mode: StubMode } = { mode: options.mode ?? 'none' };
  const shared: StubShared = { options, permits, served, state, clock, sessions };

  const http = createServer((request, response) => answerHttp(request, response, shared));
  const sockets = new (loadWs().WebSocketServer)({ server: http, path: '/ws', handleProtocols: () => PROTOCOL });
  sockets.on('connection', (socket: WebSocket) => {
    const session = new StubSession(socket, shared);
    sessions.add(session);
    socket.on('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(options.port ?? 0, host, resolve);
  });
  const { healthCheckMs = 200 } = options;
  const health = healthCheckMs > 0 ? setInterval(() => permits.recover(), healthCheckMs) : undefined;
  const port = portOf(http);
  return {
    url: `ws://${host}:${port}/ws`,
    httpUrl: `http://${host}:${port}`,
    port,
    permits,
    served,
    get mode() {
      return state.mode;
    },
    set mode(mode) {
      state.mode = mode;
    },
    dropConnections: (count, code = 1011) => dropSome(sessions, count, code),
    stall: block,
    async close() {
      clearInterval(health);
      for (const session of sessions) session.terminate();
      sockets.close();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}

function portOf(http: Server): number {
  const address = http.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function dropSome(sessions: StubShared['sessions'], count: number, code: number): number {
  const chosen = [...sessions].slice(0, count);
  for (const session of chosen) session.drop(code);
  return chosen.length;
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

function answerHttp(request: IncomingMessage, response: ServerResponse, shared: StubShared): void {
  const { pathname } = new URL(request.url ?? '/', 'http://stub');
  if (pathname === '/metrics') {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(renderPermitMetrics(shared.permits));
    return;
  }
  if (pathname === '/healthz') {
    sendJson(response, 200, { status: 'ok', simulator: { timeScale: shared.options.timeScale ?? 1 } });
    return;
  }
  readJson(request).then(
    (body) => answerPost(pathname, isObject(body) ? body : {}, response, shared),
    () => sendJson(response, 400, { error: 'the body must be JSON' }),
  );
}

function answerPost(path: string, body: Record<string, unknown>, response: ServerResponse, shared: StubShared): void {
  if (path === '/admin/faults') {
    const refused = applyFault(body, shared);
    sendJson(response, refused === undefined ? 200 : 400, refused === undefined ? { ok: true } : { error: refused });
    return;
  }
  if (path === '/call') {
    callOverHttp(body, response, shared);
    return;
  }
  sendJson(response, 404, { error: `nothing is at ${path}` });
}

/** Returns why the fault was refused. */
function applyFault(
  body: Record<string, unknown>,
  { permits, state, sessions, options }: StubShared,
): string | undefined {
  const { kind, mode } = body;
  const provider = textOf(body['provider'], 'glm');
  const count = typeof body['count'] === 'number' ? body['count'] : 1;
  switch (String(kind)) {
    case 'leak':
      permits.leak(provider, count);
      return undefined;
    case 'double_release':
      permits.doubleRelease(provider);
      return undefined;
    case 'drop_connection':
      dropSome(sessions, count, 1011);
      return undefined;
    case 'slow':
      options.serviceMs = (options.serviceMs ?? 20) * 2;
      return undefined;
    case 'hang':
    case 'error':
      state.mode = kind === 'hang' ? 'hang' : 'error';
      return undefined;
    case 'clear':
      state.mode = 'none';
      return undefined;
    case 'mode':
      if (!isStubMode(mode)) return `mode: unknown, got ${String(mode)}`;
      state.mode = mode;
      return undefined;
    default:
      return `kind: unknown, got ${String(kind)}`;
  }
}

function callOverHttp(body: Record<string, unknown>, response: ServerResponse, shared: StubShared): void {
  const { options, state, clock, permits } = shared;
  const arrivedAt = clock.now();
  const session = `http-${textOf(body['session'], 'any')}`;
  const tool = textOf(body['tool'], 'chat');
  const args = isObject(body['arguments']) ? body['arguments'] : {};
  const serviceMs = serviceOf(args) ?? options.serviceMs ?? 20;
  const provider = textOf(args['provider'], 'glm');
  if (state.mode === 'hang') return;
  if (state.mode === 'refuse' || state.mode === 'error') {
    sendJson(response, 503, { error: { code: 'OVER_CAPACITY' } });
    return;
  }
  permits.ask({
    session,
    provider,
    grant: (queuedMs) =>
      void clock.at(clock.now() + serviceMs, () => {
        permits.release(session, provider);
        noteServed(shared, { tool, arrivedAt, answeredAt: clock.now() });
        sendJson(response, 200, { content: [{ type: 'text', text: 'done' }], timing: { queuedMs, runMs: serviceMs } });
      }),
  });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text === '' ? '{}' : text);
}
