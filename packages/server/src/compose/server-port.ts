import { once } from 'node:events';
import type { Server } from 'node:http';

import type { ServerEventHub } from '../events.ts';
import { ConnectionLimits } from '../http/connection-limits.ts';
import { createHttpEndpoint, type Route } from '../http/http-endpoint.ts';
import { RequestGuard } from '../http/request-guard.ts';
import { Mcp } from '../mcp/mcp.ts';
import { MAX_DEADLINE_MS } from '../protocol/index.ts';
import { userFolder } from '../roots/roots-key.ts';
import { SessionRoots } from '../roots/session-roots.ts';
import type { SharedSessions } from '../sessions/shared-sessions.ts';
import { WsEndpoint } from '../ws/ws-endpoint.ts';

import { createRoutes, type RouteParts } from './create-routes.ts';
import type { ExaiServer } from './exai-server.ts';

/** What is reached through the port. */
export interface ServerPortParts extends Omit<RouteParts, 'ws' | 'mcp'> {
  readonly server: RouteParts['server'] & Pick<ExaiServer, 'service' | 'sessions'>;
  /** Present when other servers can go on with the sessions. */
  readonly shared: SharedSessions | undefined;
  readonly events: ServerEventHub;
  readonly isDraining: () => boolean;
}

/** The one port of a server: who may connect, and what answers over HTTP, WebSocket and MCP. It is closed by the drain. */
export class ServerPort {
  readonly connectionLimits: ConnectionLimits;
  readonly ws: WsEndpoint;
  readonly mcp: Mcp;
  readonly routes: Map<string, Route>;
  readonly http: Server;
  readonly #parts: ServerPortParts;

  constructor(parts: ServerPortParts) {
    this.#parts = parts;
    const { config } = parts.server;
    this.connectionLimits = new ConnectionLimits({
      maxConnections: config.maxConnections,
      perAddress: config.connectionsPerAddress,
      perSecond: config.connectsPerSecond,
    });
    const guard = new RequestGuard(config);
    this.ws = this.#createWs(guard);
    this.mcp = this.#createMcp(guard);
    this.routes = createRoutes({ ...parts, ws: this.ws, mcp: this.mcp });
    this.http = createHttpEndpoint({ tls: config.tls, guard, routes: this.routes });
    this.http.on('upgrade', (request, socket, head) => {
      if (!this.mcp.upgrade(request, socket, head)) this.ws.upgrade(request, socket, head);
    });
  }

  /** The configured one; where that is 0, the one it got when it began to listen. */
  get number(): number {
    const address = this.http.address();
    return typeof address === 'object' && address !== null ? address.port : this.#parts.server.config.port;
  }

  get url(): string {
    return `${this.#parts.server.config.tls === undefined ? 'http' : 'https'}://${this.#authority}`;
  }

  get wsUrl(): string {
    return `${this.#parts.server.config.tls === undefined ? 'ws' : 'wss'}://${this.#authority}/ws`;
  }

  get #authority(): string {
    const { host } = this.#parts.server.config;
    return `${host.includes(':') ? `[${host}]` : host}:${this.number}`;
  }

  /** Resolves when it takes connections. */
  async listen(): Promise<void> {
    const { port, host } = this.#parts.server.config;
    this.http.listen(port, host);
    await once(this.http, 'listening');
  }

  #createWs(guard: RequestGuard): WsEndpoint {
    const { server, shared, events, isDraining } = this.#parts;
    const { config, service, sessions, authenticator, views } = server;
    const roots = new SessionRoots({ ...config, folder: userFolder() });
    return new WsEndpoint({
      rootsOf: (told, address) => roots.decide(told, address),
      service,
      sessions,
      shared,
      authenticator,
      views,
      guard,
      connectionLimits: this.connectionLimits,
      events,
      limits: { ...config, maxDeadlineMs: MAX_DEADLINE_MS },
      maxConnectionAgeMs: config.maxConnectionAgeMs,
      isDraining,
      onWelcome: (session, resumed, replayed) => {
        events.emit('connected', { session: session.id, resumed });
        if (resumed) events.emit('resumed', { session: session.id, ok: true, frames: replayed });
      },
      onResumeFailed: (session) => events.emit('resumed', { session, ok: false, frames: 0 }),
      onRefused: ({ code }) => events.emit('shed', { code, reason: code }),
    });
  }

  #createMcp(guard: RequestGuard): Mcp {
    const { server, isDraining } = this.#parts;
    const { config, service, sessions, authenticator } = server;
    return new Mcp({
      config,
      service,
      sessions,
      authenticator,
      guard,
      connectionLimits: this.connectionLimits,
      isDraining,
    });
  }
}
