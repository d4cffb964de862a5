import { once } from 'node:events';
import type { Server } from 'node:http';

import { createMetrics, type Metrics } from '@exai/metrics';
import { TieredSemaphore } from '@exai/semaphore';
import { builtInWorkflows, createEngine, type Engine } from '@exai/workflow';

import { AuditLog } from '../audit/audit-log.ts';
import { CallError } from '../calls/call-error.ts';
import { CallService } from '../calls/call-service.ts';
import type { Tool } from '../calls/tool.ts';
import { recordOutcomeTool } from '../calls/record-outcome-tool.ts';
import { workflowTool } from '../calls/workflow-tool.ts';
import { isLoopback } from '../config/check-combinations.ts';
import { ConfigError } from '../config/config-error.ts';
import { parseConfig } from '../config/load-config.ts';
import type { ServerConfig, ServerConfigInput } from '../config/server-config.ts';
import { RunDoor } from '../door/run-door.ts';
import { ServerEventHub, type ServerEvents } from '../events.ts';
import { faultsRoute } from '../faults/faults-route.ts';
import { FaultSwitch } from '../faults/fault-switch.ts';
import { Authenticator } from '../http/authenticator.ts';
import { ConnectionLimits } from '../http/connection-limits.ts';
import { createHttpEndpoint, type Route } from '../http/http-endpoint.ts';
import { RequestGuard } from '../http/request-guard.ts';
import { statusRoutes } from '../http/status-routes.ts';
import { pageRoutes } from '../page/page-routes.ts';
import { Mcp } from '../mcp/mcp.ts';
import { CloseCode, MAX_DEADLINE_MS } from '../protocol/index.ts';
import type { Session } from '../sessions/session.ts';
import { type SessionEnd, SessionRegistry } from '../sessions/session-registry.ts';
import { ServerViews } from '../views/server-views.ts';
import { WsEndpoint } from '../ws/ws-endpoint.ts';

import { resumeRuns } from './resume-runs.ts';
import { createWatchedStore, type WatchedStore } from './watched-store.ts';
import { createModelSource, type ModelSource } from './model-source.ts';
import { drainServer } from './drain-server.ts';
import { VERSION } from '../version.ts';

/** What may be given beside the configuration. */
export interface ServerExtras {
  /** Tools beside the built-in ones; one of the same name replaces it. */
  readonly tools?: readonly Tool[];
  /** Called while draining; the drain waits for it within its grace and no longer. */
  readonly onDrain?: () => void | Promise<void>;
}

/** Numbers about the server now. */
export interface ServerStats {
  readonly sessions: number;
  readonly connections: number;
  /** Most bytes any client has not read yet. */
  readonly bufferedBytesMax: number;
  readonly callsInFlight: number;
  readonly runsAtDoor: number;
  readonly draining: boolean;
  /** Whether the server can be told to misbehave. */
  readonly faults: boolean;
  /** Entries of every map that should be empty when nothing runs. */
  readonly kept: number;
}

/** The reference server. */
export interface ExaiServer {
  readonly config: ServerConfig;
  /** `http://127.0.0.1:8079`; known after {@link listen}. */
  readonly url: string;
  /** `ws://127.0.0.1:8079/ws`. */
  readonly wsUrl: string;
  readonly port: number;
  readonly semaphore: TieredSemaphore;
  readonly metrics: Metrics;
  readonly engine: Engine;
  readonly service: CallService;
  readonly sessions: SessionRegistry;
  readonly views: ServerViews;
  readonly models: ModelSource;
  readonly authenticator: Authenticator;
  /** By path; a route may be added before or after listening. */
  readonly routes: Map<string, Route>;
  /** Resolves when it takes connections. */
  listen(): Promise<this>;
  stats(): ServerStats;
  on<Name extends keyof ServerEvents>(name: Name, listener: (event: ServerEvents[Name]) => void): () => void;
  /**
   * Drains and ends: not ready, clients are told, queued calls are refused with a retry hint, running ones may end within
   * `graceMs` (default `drainGraceMs`), then everything is closed. Resolves within `graceMs` + 2 s. Later calls join the first.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

const SETTLE_MS = 5000;
const OVERDUE_MS = 600_000;
const QUARANTINE_MS = 60_000;
const SWEEP_FRACTION = 4;
const MAX_SWEEP_MS = 1000;
const MAX_PRUNE_MS = 3_600_000;

/**
 * Composes the reference server: semaphore, providers (simulated where no key is set), engine, metrics and transports.
 * It does not listen yet.
 *
 * @throws ConfigError for a bad value or an impossible combination.
 */
export async function createServer(input: ServerConfigInput = {}, extras: ServerExtras = {}): Promise<ExaiServer> {
  const config = parseConfig(input);
  const semaphore = createSemaphore(config);
  const models = await createModelSource(config, semaphore);
  return new ComposedServer(config, extras, semaphore, models);
}

/** What is simulated in scaled time is also overdue and settled in scaled time. */
function createSemaphore(config: ServerConfig): TieredSemaphore {
  const isSimulated = config.glmApiKey === undefined && config.kimiApiKey === undefined;
  const scale = isSimulated ? config.simTimeScale : 1;
  return new TieredSemaphore({
    global: config.globalMaxInFlight,
    session: config.sessionMaxInFlight,
    providers: { glm: config.glmMaxInFlight, kimi: config.kimiMaxInFlight },
    adaptive: config.adaptiveLimits,
    healthCheckMs: config.healthCheckMs,
    leak: { level: 'standard', forceGc: true },
    overdueMs: OVERDUE_MS * scale,
    quarantineMs: QUARANTINE_MS * scale,
  });
}

class ComposedServer implements ExaiServer {
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
  readonly #store: WatchedStore;
  readonly #audit: AuditLog | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  #closed: Promise<void> | undefined;

  constructor(config: ServerConfig, extras: ServerExtras, semaphore: TieredSemaphore, models: ModelSource) {
    this.config = config;
    this.#extras = extras;
    this.semaphore = semaphore;
    this.models = models;
    this.authenticator = new Authenticator({
      ...config,
      adminToken: config.adminToken,
      loopback: isLoopback(config.host),
    });
    this.#store = createWatchedStore(config);
    this.engine = this.#createEngine();
    this.#door = createDoor(config);
    this.service = this.#createService();
    this.sessions = this.#createSessions();
    this.views = this.#createViews();
    this.metrics = this.#createMetrics();
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
      setInterval(() => void this.#prune(), Math.min(MAX_PRUNE_MS, this.#keptMs / SWEEP_FRACTION)),
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
    await this.#prune();
    this.#http.listen(this.config.port, this.config.host);
    await once(this.#http, 'listening');
    const { engine, service, config } = this;
    await resumeRuns({ engine, service, deadlineMs: config.workflowDeadlineMs, maxAgeMs: config.resultTtlMs });
    return this;
  }

  stats(): ServerStats {
    return {
      sessions: this.sessions.size,
      connections: this.#ws.size,
      bufferedBytesMax: this.#ws.bufferedBytesMax,
      callsInFlight: this.service.inFlight,
      runsAtDoor: this.#door.waiting,
      draining: this.#closed !== undefined,
      faults: this.config.faults,
      kept: this.service.size + this.#door.size + this.#connectionLimits.addresses + this.sessions.size,
    };
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
    await drainServer({
      graceMs,
      service: this.service,
      sessions: this.sessions,
      ws: this.#ws,
      mcp: this.#mcp,
      http: this.#http,
      onDrain: this.#extras.onDrain,
    });
    await Promise.allSettled([this.engine.close(), this.models.close()]);
    await this.semaphore.close();
    this.views.close();
    this.metrics.close();
    await this.#audit?.close();
  }

  /** Journals in memory live as long as results are kept, journals on disk for days. */
  get #keptMs(): number {
    return this.config.store === 'memory' ? this.config.resultTtlMs : this.config.pruneAfterMs;
  }

  async #prune(): Promise<void> {
    await this.engine.prune({ olderThanMs: this.#keptMs, unfinished: true });
  }

  #createEngine(): Engine {
    const { models, config } = this;
    try {
      return createEngine({
        models: (ask) => models.model(ask),
        store: this.#store.store,
        roots: config.allowedRoots,
      });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new ConfigError(
        'EXAI_ALLOWED_ROOTS',
        `must name folders (${error.message})`,
        config.allowedRoots.join(', '),
      );
    }
  }

  #createService(): CallService {
    const { engine, models } = this;
    const tools = new Map<string, Tool>();
    for (const workflow of Object.values(builtInWorkflows)) {
      tools.set(workflow.name, workflowTool(workflow, { engine, providerOf: (ask) => models.providerOf(ask) }));
    }
    for (const tool of [recordOutcomeTool(engine), ...(this.#extras.tools ?? [])]) tools.set(tool.name, tool);
    return new CallService({
      tools,
      door: this.#door,
      events: this.#events,
      limits: this.config,
      isSimulated: (provider) => models.isSimulated(provider),
    });
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

  /** Its calls end, then the permits that are still its own are taken back: nothing could release them any more. */
  async #endSession(session: Session, reason: SessionEnd): Promise<void> {
    this.#events.emit('sessionEnded', { session: session.id, transport: session.transport, reason });
    session.disconnect(CloseCode.POLICY, 'the session ended');
    for (const call of session.calls.values()) call?.cancel(new CallError('CANCELLED', 'the session ended'));
    await this.service.whenIdle(session.id, SETTLE_MS);
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

  #createMetrics(): Metrics {
    const metrics = createMetrics({ version: VERSION, tools: [...this.service.tools.keys()] });
    metrics.observeSemaphore(this.semaphore);
    metrics.observeEngine(this.engine);
    metrics.observeServer(this);
    for (const provider of Object.values(this.models.providers)) {
      metrics.observeProvider(provider, { provider: provider.id });
    }
    return metrics;
  }

  #createWs(guard: RequestGuard): WsEndpoint {
    const { config } = this;
    return new WsEndpoint({
      service: this.service,
      sessions: this.sessions,
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
    return this.#closed === undefined ? this.#store.failure() : 'draining';
  }
}

function createDoor(config: ServerConfig): RunDoor {
  const runs = (limit: number): number => config.maxRuns ?? 2 * limit;
  return new RunDoor({
    maxRuns: { glm: runs(config.glmMaxInFlight), kimi: runs(config.kimiMaxInFlight) },
    maxWaiting: config.maxQueued,
  });
}
