import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { WebSocketServer, type WebSocket } from 'ws';

import { toCallError } from '../calls/to-call-error.ts';
import type { CallService } from '../calls/call-service.ts';
import { type Authenticator, bearerToken, type Identity } from '../http/authenticator.ts';
import type { ConnectionLimits } from '../http/connection-limits.ts';
import type { Refusal, RequestGuard } from '../http/request-guard.ts';
import { CloseCode } from '../protocol/index.ts';
import { randomHandle, type Session } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { refuseUpgrade } from '../ws/ws-endpoint.ts';

import { createMcpServer } from './create-mcp-server.ts';
import { McpSessions } from './mcp-sessions.ts';
import { serviceCaller } from './service-caller.ts';
import type { ListedTool } from './tool-listing.ts';
import { WsTransport, type WsTransportLimits } from './ws-transport.ts';

/** What the endpoint works with. */
export interface McpWsEndpointParts {
  readonly service: CallService;
  readonly sessions: SessionRegistry;
  readonly authenticator: Authenticator;
  readonly guard: RequestGuard;
  readonly connectionLimits: ConnectionLimits;
  readonly tools: readonly ListedTool[];
  readonly limits: WsTransportLimits & { readonly maxMessageBytes: number; readonly heartbeatMs: number };
  readonly isDraining: () => boolean;
}

const SUBPROTOCOL = 'mcp';

/** MCP over WebSocket on `/mcp`, for clients of both eras. A connection is a session: when it is lost, its calls are cancelled. */
export class McpWsEndpoint {
  readonly #parts: McpWsEndpointParts;
  readonly #sessions: McpSessions;
  readonly #server: WebSocketServer;
  readonly #alive = new Map<WebSocket, boolean>();
  readonly #heartbeat: NodeJS.Timeout;

  constructor(parts: McpWsEndpointParts) {
    this.#parts = parts;
    this.#sessions = new McpSessions(parts.sessions, 'mcp');
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: parts.limits.maxMessageBytes,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    });
    this.#heartbeat = setInterval(() => this.#beat(), parts.limits.heartbeatMs);
  }

  /** Decides about an upgrade before anything is allocated for it. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Without a listener one reset during the handshake ends the process.
    socket.on('error', () => undefined);
    const address = request.socket.remoteAddress ?? '';
    const identity = this.#identify(request);
    const refusal = this.#refusal(request, address, identity);
    if (refusal !== undefined || identity === undefined) {
      refuseUpgrade(socket, refusal ?? { status: 401, message: 'a valid token is needed' });
      return;
    }
    socket.once('close', this.#parts.connectionLimits.add(address));
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#open(ws, identity));
  }

  /** Cuts every connection. */
  close(): void {
    clearInterval(this.#heartbeat);
    for (const ws of this.#alive.keys()) ws.close(CloseCode.RESTART, 'the server is restarting');
    this.#server.close();
  }

  #identify({ headers }: IncomingMessage): Identity | undefined {
    const { authenticator } = this.#parts;
    if (headers.authorization === undefined) return authenticator.identify(undefined);
    return authenticator.identify(bearerToken(headers.authorization) ?? 'no bearer token');
  }

  #refusal(request: IncomingMessage, address: string, identity: Identity | undefined): Refusal | undefined {
    const { isDraining, guard, connectionLimits } = this.#parts;
    if (isDraining()) return { status: 503, message: 'the server is ending', retryAfterSeconds: 5 };
    const refusal = guard.check(request) ?? connectionLimits.check(address);
    if (refusal !== undefined) return refusal;
    return identity === undefined ? { status: 401, message: 'a valid token is needed' } : undefined;
  }

  #open(ws: WebSocket, identity: Identity): void {
    const key = `socket ${randomHandle()}`;
    let session: Session;
    try {
      session = this.#sessions.open(identity, key, {
        onEnd: () => ws.close(CloseCode.GOING_AWAY, 'the session ended'),
      });
    } catch (error) {
      ws.close(CloseCode.TRY_LATER, toCallError(error).message);
      return;
    }
    session.expendable = false;
    this.#alive.set(ws, true);
    ws.on('error', () => undefined);
    ws.on('pong', () => this.#alive.set(ws, true));
    const { service, tools, limits } = this.#parts;
    serveStdio(() => createMcpServer({ tools, caller: serviceCaller(service, () => session) }), {
      transport: new WsTransport(ws, limits),
    });
    ws.once('close', () => {
      this.#alive.delete(ws);
      this.#sessions.end(key);
    });
  }

  #beat(): void {
    for (const [ws, alive] of this.#alive) {
      if (!alive) ws.terminate();
      else {
        this.#alive.set(ws, false);
        ws.ping();
      }
    }
  }
}
