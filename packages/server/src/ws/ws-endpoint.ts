import { randomInt } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { WebSocketServer, type WebSocket } from 'ws';

import type { ServerEventHub } from '../events.ts';
import { bearerToken, type Identity } from '../http/authenticator.ts';
import type { ConnectionLimits } from '../http/connection-limits.ts';
import type { Refusal, RequestGuard } from '../http/request-guard.ts';
import { CloseCode, type ErrorCode, PROTOCOL } from '../protocol/index.ts';

import { WsConnection, type WsConnectionParts } from './ws-connection.ts';

/** What the endpoint works with. */
export interface WsEndpointParts extends Omit<WsConnectionParts, 'address'> {
  readonly guard: RequestGuard;
  readonly connectionLimits: ConnectionLimits;
  readonly events: ServerEventHub;
  readonly isDraining: () => boolean;
  readonly maxConnectionAgeMs: number;
}

/** A message above the limit is answered while it is below so many times the limit; beyond, the socket is closed with 1009. */
const HARD_LIMIT_FACTOR = 4;
/** Against floods of tiny fragments and pings. Not all of them are in the type declarations of ws yet. */
const FLOOD_LIMITS = { maxFragments: 256, maxBufferedChunks: 4096, maxPendingAutoPongs: 16, closeTimeout: 5000 };
const MAX_MISSED_BEATS = 2;
const AGE_SPREAD = 0.1;
/** Few different ages: Node keeps a list for every length a timer ever had, until that time has passed. */
const AGE_STEPS = 20;
/** Longest time for an old connection to come back by itself; never longer than the age it may have. */
const AGE_GRACE_MS = 60_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const RECONNECT_MS = 1000;

/** Takes WebSocket upgrades on `/ws`, keeps the connections alive and counts them. */
export class WsEndpoint {
  readonly #parts: WsEndpointParts;
  readonly #server: WebSocketServer;
  readonly #connections = new Set<WsConnection>();
  readonly #heartbeat: NodeJS.Timeout;

  constructor(parts: WsEndpointParts) {
    this.#parts = parts;
    this.#server = new WebSocketServer({
      ...FLOOD_LIMITS,
      noServer: true,
      clientTracking: false,
      maxPayload: parts.limits.maxMessageBytes * HARD_LIMIT_FACTOR,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
    });
    this.#heartbeat = setInterval(() => this.#beat(), parts.limits.heartbeatMs);
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Most bytes any connection has not read yet. */
  get bufferedBytesMax(): number {
    let most = 0;
    for (const { bufferedBytes } of this.#connections) most = Math.max(most, bufferedBytes);
    return most;
  }

  connections(): IterableIterator<WsConnection> {
    return this.#connections.values();
  }

  /** Decides about an upgrade before anything is allocated for it. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Without a listener one reset during the handshake ends the process.
    socket.on('error', ignore);
    const address = request.socket.remoteAddress ?? '';
    const identity = this.#identify(request);
    const refusal = this.#refusal(request, address, identity);
    if (refusal !== undefined) {
      this.#parts.events.emit('refused', { code: CODES[refusal.status], address });
      refuseUpgrade(socket, refusal);
      return;
    }
    const leave = this.#parts.connectionLimits.add(address);
    socket.once('close', leave);
    this.#server.handleUpgrade(request, socket, head, (ws) =>
      this.#open(ws, socket, address, identity === 'none' ? undefined : identity),
    );
  }

  /** Stops the timers and cuts what is left. */
  close(): void {
    clearInterval(this.#heartbeat);
    for (const connection of this.#connections) connection.terminate();
    this.#server.close();
  }

  /** Who the Authorization header names; `none` without a header, nothing for a wrong one. */
  #identify({ headers }: IncomingMessage): Identity | 'none' | undefined {
    const { authenticator } = this.#parts;
    if (headers.authorization === undefined) return authenticator.identify(undefined) ?? 'none';
    return authenticator.identify(bearerToken(headers.authorization) ?? 'no bearer token');
  }

  #refusal(request: IncomingMessage, address: string, identity: Identity | 'none' | undefined): Refusal | undefined {
    if (this.#parts.isDraining()) return { status: 503, message: 'the server is ending', retryAfterSeconds: 5 };
    const bad = this.#parts.guard.check(request);
    if (bad !== undefined) return bad;
    if (new URL(request.url ?? '/', 'http://server').pathname !== '/ws')
      return { status: 404, message: 'connect to /ws' };
    const full = this.#parts.connectionLimits.check(address);
    if (full !== undefined) return full;
    if (identity === undefined) return { status: 401, message: 'the token is not valid' };
    const offered = request.headers['sec-websocket-protocol'];
    if (offered !== undefined && !offered.split(',').some((name) => name.trim() === PROTOCOL)) {
      return { status: 400, message: `the subprotocol of this server is ${PROTOCOL}` };
    }
    return undefined;
  }

  #open(ws: WebSocket, socket: Duplex, address: string, bearer: Identity | undefined): void {
    const connection = new WsConnection(ws, this.#partsFor(address), bearer, socket);
    this.#connections.add(connection);
    ws.on('error', ignore);
    ws.once('close', (code, reason) => {
      this.#connections.delete(connection);
      const { session } = connection;
      connection.gone(code);
      this.#parts.events.emit('closed', {
        code,
        reason: reason.toString('utf8'),
        ...(session === undefined ? {} : { session: session.id }),
      });
    });
    const ageMs = this.#parts.maxConnectionAgeMs * (1 + (AGE_SPREAD * randomInt(AGE_STEPS)) / AGE_STEPS);
    let age = setTimeout(
      () => {
        age = this.#retire(connection).unref();
      },
      Math.min(LONGEST_TIMER_MS, ageMs),
    ).unref();
    ws.once('close', () => clearTimeout(age));
  }

  #partsFor(address: string): WsConnectionParts {
    const onUnauthenticated = (): void => this.#parts.events.emit('refused', { code: 'UNAUTHENTICATED', address });
    return { ...this.#parts, address, onUnauthenticated };
  }

  /** An old connection is asked to come back on a new one, which also moves it after a change of the load balancer. */
  #retire(connection: WsConnection): NodeJS.Timeout {
    const deadlineMs = Math.round(Math.min(AGE_GRACE_MS, this.#parts.maxConnectionAgeMs));
    connection.session?.send({ type: 'goaway', reason: 'max_age', deadlineMs, reconnectAfterMs: RECONNECT_MS });
    return setTimeout(() => connection.close(CloseCode.RESTART, 'this connection is old'), deadlineMs);
  }

  #beat(): void {
    for (const connection of this.#connections) {
      if (connection.missedBeats >= MAX_MISSED_BEATS) connection.terminate();
      else connection.ping();
    }
  }
}

/** Answers an upgrade with a refusal. */
export function refuseUpgrade(socket: Duplex, { status, message, retryAfterSeconds }: Refusal): void {
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(message)}`,
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
    ...(status === 401 ? ['WWW-Authenticate: Bearer'] : []),
    '',
    message,
  ];
  socket.end(lines.join('\r\n'));
  socket.once('finish', () => socket.destroy());
}

const CODES: Readonly<Record<Refusal['status'], ErrorCode>> = {
  400: 'INVALID_MESSAGE',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'INVALID_MESSAGE',
  405: 'INVALID_MESSAGE',
  429: 'RATE_LIMITED',
  503: 'OVER_CAPACITY',
};

const REASONS: Readonly<Record<Refusal['status'], string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

function ignore(): void {}
