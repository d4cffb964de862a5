import { once } from 'node:events';
import type { Server } from 'node:http';

import type { Metrics } from '@exai/metrics';
import type { SharedHealth, TieredSemaphore } from '@exai/semaphore';
import type { Engine } from '@exai/workflow';

import { AuditLog } from '../audit/audit-log.ts';
import { CallError } from '../calls/call-error.ts';
import { CallService } from '../calls/call-service.ts';
import { isLoopback } from '../config/check-combinations.ts';
import { ConfigError } from '../config/config-error.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { RunDoor } from '../door/run-door.ts';
import { ServerEventHub, type ServerEvents } from '../events.ts';
import { faultsRoute } from '../faults/faults-route.ts';
import { FaultSwitch } from '../faults/fault-switch.ts';
import { Authenticator } from '../http/authenticator.ts';
import { ConnectionLimits } from '../http/connection-limits.ts';
import { createHttpEndpoint, type Route } from '../http/http-endpoint.ts';
import { RequestGuard } from '../http/request-guard.ts';
import { statusRoutes } from '../http/status-routes.ts';
import { Mcp } from '../mcp/mcp.ts';
import { pageRoutes } from '../page/page-routes.ts';
import { CloseCode, MAX_DEADLINE_MS } from '../protocol/index.ts';
import { userFolder } from '../roots/roots-key.ts';
import { SessionRoots } from '../roots/session-roots.ts';
import type { Session } from '../sessions/session.ts';
import { type SessionEnd, SessionRegistry } from '../sessions/session-registry.ts';
import type { SharedSessions } from '../sessions/shared-sessions.ts';
import { ServerViews } from '../views/server-views.ts';
import { WsEndpoint } from '../ws/ws-endpoint.ts';

import { createDoor } from './create-door.ts';
import type { ServerPermits } from './create-semaphore.ts';
import { createServerEngine } from './create-server-engine.ts';
import { createServerMetrics } from './create-server-metrics.ts';
import { createSharedSessions } from './create-shared-sessions.ts';
import { createTools } from './create-tools.ts';
import { drainServer } from './drain-server.ts';
import type { ExaiServer, ServerExtras, ServerStats } from './exai-server.ts';
import type { ModelSource } from './model-source.ts';
import { createServerPool, type ServerPool } from './postgres-pool.ts';
import { resumeRuns } from './resume-runs.ts';
import { TakeOver } from './take-over-runs.ts';
import { createWatchedStore, type WatchedStore } from './watched-store.ts';

const SETTLE_MS = 5000;
const SWEEP_FRACTION = 4;
const MAX_SWEEP_MS = 1000;
const MAX_PRUNE_MS = 3_600_000;

/** The server behind `createServer`: what it is made of, and how that starts and ends. */
export class ComposedServer implements ExaiServer {
  readonly config: ServerConfig;
  readonly semaphore: TieredSemaphore;
  readonly metrics: Metrics;
  readonly engine: Engine;
  readonly service: CallService;
  readonly sessions: SessionRegistry;
  readonly views: ServerViews;
  readonly models: ModelSource;
  readonly authenticator: Authenticator;
  readonly routes: Map<string, Route>;
  readonly #extras: ServerExtras;
  readonly #events = new ServerEventHub();
  readonly #door: RunDoor;
  readonly #connectionLimits: ConnectionLimits;
  readonly #ws: WsEndpoint;
  readonly #mcp: Mcp;
  readonly #http: Server;
  readonly #permits: ServerPermits;
  readonly #postgres: ServerPool | undefined;
  readonly #store: WatchedStore;
  readonly #shared: SharedSessions | undefined;
  readonly #takeOver: TakeOver | undefined;
  readonly #audit: AuditLog | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  #closed: Promise<void> | undefined;

  constructor(config: ServerConfig, extras: ServerExtras, permits: ServerPermits, models: ModelSource) {
    this.config = config;
    this.#extras = extras;
    const { semaphore } = permits;
    this.semaphore = semaphore;
    this.#permits = permits;
    semaphore.on('sharedChanged', (shared) => this.#events.emit('accountChanged', { failure: accountFailure(shared) }));
    this.models = models;
    this.authenticator = new Authenticator({
      ...config,
      adminToken: config.adminToken,
      loopback: isLoopback(config.host),
    });
    this.#postgres = config.postgresUrl === undefined ? undefined : createServerPool(config.postgresUrl);
    this.#store = createWatchedStore(config, this.#postgres?.pool, (failure) =>
      this.#events.emit('storeChanged', { failure }),
    );
    this.engine = createServerEngine(config, models, this.#store.store);
    this.#door = createDoor(config, semaphore);
    this.service = this.#createService();
    this.#takeOver = this.#createTakeOver();
    this.sessions = this.#createSessions();
    this.#shared = createSharedSessions(config, this.#postgres?.pool, this.sessions);
    this.views = this.#createViews();
    this.metrics = createServerMetrics(this);
    this.#connectionLimits = new ConnectionLimits({
      maxConnections: config.maxConnections,
      perAddress: config.connectionsPerAddress,
      perSecond: config.connectsPerSecond,
    });
    const guard = new RequestGuard(config);
    this.#ws = this.#createWs(guard);
    this.#mcp = this.#createMcp(guard);
    this.routes = this.#createRoutes().set('/mcp', this.#mcp.route);
    this.#http = createHttpEndpoint({ tls: config.tls, guard, routes: this.routes });
    this.#http.on('upgrade', (request, socket, head) => {
      if (!this.#mcp.upgrade(request, socket, head)) this.#ws.upgrade(request, socket, head);
    });
    const sweepMs = Math.min(MAX_SWEEP_MS, Math.min(config.resumeWindowMs, config.sessionTimeoutMs) / SWEEP_FRACTION);
    this.#timers.push(
      setInterval(() => this.sessions.sweep(), sweepMs),
      setInterval(() => void this.#prune().catch(ignore), Math.min(MAX_PRUNE_MS, this.#keptMs / SWEEP_FRACTION)),
    );
    this.#audit = config.audit ? new AuditLog(config.dataDir) : undefined;
    this.#audit?.watch(this.#events);
    if (config.faults) this.#audit?.write('faultsEnabled', {});
  }

  get port(): number {
    const address = this.#http.address();
    return typeof address === 'object' && address !== null ? address.port : this.config.port;
  }

  get url(): string {
    return `${this.config.tls === undefined ? 'http' : 'https'}://${this.#authority}`;
  }

  get wsUrl(): string {
    return `${this.config.tls === undefined ? 'ws' : 'wss'}://${this.#authority}/ws`;
  }

  get #authority(): string {
    const { host } = this.config;
    return `${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  async listen(): Promise<this> {
    await this.#openStores();
    await this.#prune();
    this.#http.listen(this.config.port, this.config.host);
    await once(this.#http, 'listening');
    const { engine, service, config } = this;
    await resumeRuns({ engine, service, deadlineMs: config.workflowDeadlineMs, maxAgeMs: config.resultTtlMs });
    this.#takeOver?.start();
    return this;
  }

  /** @throws ConfigError when the database of the configuration cannot be used. */
  async #openStores(): Promise<void> {
    try {
      await this.#store.open();
      await this.#shared?.open();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ConfigError('EXAI_POSTGRES_URL', `must name a database that can be used (${why})`, '(hidden)');
    }
  }

  stats(): ServerStats {
    return {
      sessions: this.sessions.size,
      connections: this.#ws.size,
      bufferedBytesMax: this.#ws.bufferedBytesMax,
      callsInFlight: this.service.inFlight,
      runsAtDoor: this.#door.waiting,
      draining: this.#closed !== undefined,
      storeFailed: this.#store.failure() !== undefined,
      account: this.#account(),
      faults: this.config.faults,
      kept: this.service.size + this.#door.size + this.#connectionLimits.addresses + this.sessions.size,
    };
  }

  #account(): ServerStats['account'] {
    const shared = this.#permits.shared?.();
    if (shared === undefined) return undefined;
    const leased = Object.entries(shared.providers).map(([id, provider]) => [id, provider.leased] as const);
    return { failed: accountFailure(shared) !== undefined, leased: Object.fromEntries(leased) };
  }

  on<Name extends keyof ServerEvents>(name: Name, listener: (event: ServerEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  close({ graceMs = this.config.drainGraceMs }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    this.#events.emit('draining', { reason: 'drain', graceMs });
    for (const timer of this.#timers) clearInterval(timer);
    await this.#takeOver?.stop();
    await drainServer({
      graceMs,
      service: this.service,
      sessions: this.sessions,
      shared: this.#shared,
      ws: this.#ws,
      mcp: this.#mcp,
      http: this.#http,
      onDrain: this.#extras.onDrain,
    });
    await this.#shared?.close();
    await Promise.allSettled([this.engine.close(), this.models.close()]);
    await this.#postgres?.end();
    await this.#permits.close();
    this.views.close();
    this.metrics.close();
    await this.#audit?.close();
  }

  /** Journals in memory live as long as results are kept, journals on disk for days. */
  get #keptMs(): number {
    return this.config.store === 'memory' ? this.config.resultTtlMs : this.config.pruneAfterMs;
  }

  async #prune(): Promise<void> {
    await this.engine.prune({ olderThanMs: this.#keptMs });
    // A run may be silent until its deadline.
    await this.engine.prune({ olderThanMs: this.#keptMs + MAX_DEADLINE_MS, unfinished: true });
  }

  #createService(): CallService {
    const { engine, models } = this;
    const rootsOf = (session: string): readonly string[] | undefined => this.sessions.get(session)?.roots;
    return new CallService({
      tools: createTools({ engine, models, rootsOf, added: this.#extras.tools ?? [] }),
      door: this.#door,
      events: this.#events,
      limits: this.config,
      isSimulated: (provider) => models.isSimulated(provider),
    });
  }

  #createTakeOver(): TakeOver | undefined {
    const { engine, service, config } = this;
    const { expiredRuns } = this.#store;
    if (expiredRuns === undefined) return undefined;
    return new TakeOver({ engine, service, expiredRuns, deadlineMs: config.workflowDeadlineMs });
  }

  #createSessions(): SessionRegistry {
    const { config } = this;
    return new SessionRegistry(
      {
        maxConcurrent: config.sessionMaxConcurrent,
        timeoutMs: config.sessionTimeoutMs,
        resumeWindowMs: config.resumeWindowMs,
        outbox: { entries: config.outboxEntries, bytes: config.outboxBytes },
      },
      {
        started: ({ id, transport }) => this.#events.emit('sessionStarted', { session: id, transport }),
        ended: (session, reason) => void this.#endSession(session, reason),
      },
    );
  }

  /**
   * Its calls end, then the permits that are still its own are taken back: nothing could release them any more. The runs of one that
   * moved are driven to their end here, and answered where it is now.
   */
  async #endSession(session: Session, reason: SessionEnd): Promise<void> {
    this.#events.emit('sessionEnded', { session: session.id, transport: session.transport, reason });
    this.#shared?.ended(session, reason === 'closed' || reason === 'expired');
    if (reason === 'moved') {
      session.disconnect(CloseCode.REPLACED, 'another server has this session now');
      await this.service.whenIdle(session.id, MAX_DEADLINE_MS);
      // It may have come back.
      if (this.sessions.get(session.id) !== undefined) return;
    } else {
      session.disconnect(CloseCode.POLICY, 'the session ended');
      for (const call of session.calls.values()) call?.cancel(new CallError('CANCELLED', 'the session ended'));
      await this.service.whenIdle(session.id, SETTLE_MS);
    }
    await this.semaphore.endSession(session.id);
  }

  #createViews(): ServerViews {
    const { simulator, simulated } = this.models;
    const views = new ServerViews({
      semaphore: this.semaphore,
      service: this.service,
      sessions: this.sessions,
      events: this.#events,
      simulator: simulator === undefined ? undefined : { timeScale: simulator.timeScale, providers: simulated },
      faults: this.config.faults,
      connections: () => this.#ws.size,
      isDraining: () => this.#closed !== undefined,
      isReady: () => this.#unready() === undefined,
    });
    views.notebook.watchRuns(this.engine);
    return views;
  }

  #createWs(guard: RequestGuard): WsEndpoint {
    const { config } = this;
    const roots = new SessionRoots({ ...config, folder: userFolder() });
    return new WsEndpoint({
      rootsOf: (told, address) => roots.decide(told, address),
      service: this.service,
      sessions: this.sessions,
      shared: this.#shared,
      authenticator: this.authenticator,
      views: this.views,
      guard,
      connectionLimits: this.#connectionLimits,
      events: this.#events,
      limits: { ...config, maxDeadlineMs: MAX_DEADLINE_MS },
      maxConnectionAgeMs: config.maxConnectionAgeMs,
      isDraining: () => this.#closed !== undefined,
      onWelcome: (session, resumed, replayed) => {
        this.#events.emit('connected', { session: session.id, resumed });
        if (resumed) this.#events.emit('resumed', { session: session.id, ok: true, frames: replayed });
      },
      onResumeFailed: (session) => this.#events.emit('resumed', { session, ok: false, frames: 0 }),
      onRefused: ({ code }) => this.#events.emit('shed', { code, reason: code }),
    });
  }

  #createMcp(guard: RequestGuard): Mcp {
    return new Mcp({
      config: this.config,
      service: this.service,
      sessions: this.sessions,
      authenticator: this.authenticator,
      guard,
      connectionLimits: this.#connectionLimits,
      isDraining: () => this.#closed !== undefined,
    });
  }

  #createRoutes(): Map<string, Route> {
    const { simulator, simulated } = this.models;
    const routes = statusRoutes({
      config: this.config,
      authenticator: this.authenticator,
      metrics: this.metrics,
      simulator:
        simulator === undefined
          ? undefined
          : { timeScale: simulator.timeScale, url: simulator.url, providers: simulated },
      uptimeMs: () => this.views.uptimeMs,
      unready: () => this.#unready(),
    });
    for (const [path, route] of pageRoutes()) routes.set(path, route);
    if (this.config.faults) routes.set('/admin/faults', this.#createFaults());
    return routes;
  }

  #createFaults(): Route {
    const faults = new FaultSwitch({
      semaphore: this.semaphore,
      simulator: this.models.simulator,
      connections: () => this.#ws.connections(),
      views: this.views,
    });
    const audit = (what: object): void => this.#audit?.write('fault', what);
    return faultsRoute({ faults, authenticator: this.authenticator, audit });
  }

  #unready(): string | undefined {
    if (this.#closed !== undefined) return 'draining';
    return accountFailure(this.#permits.shared?.()) ?? this.#store.failure();
  }
}

/** Why the shared limits grant nothing now, or nothing. */
function accountFailure(shared: SharedHealth | undefined): string | undefined {
  if (shared?.mode === 'closed') return 'the Redis of the shared limits cannot be used';
  if (shared?.mode === 'recovering') return 'the shared limits wait for the end of leases that Redis may have lost';
  return undefined;
}

/** A store that fails shows at its next write; what could not be pruned is pruned next time. */
function ignore(): void {}
