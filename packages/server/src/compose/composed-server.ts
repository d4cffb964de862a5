import type { Metrics } from '@exai/metrics';
import type { SharedHealth, TieredSemaphore } from '@exai/semaphore';
import type { Engine } from '@exai/workflow';

import { AuditLog } from '../audit/audit-log.ts';
import { CallService } from '../calls/call-service.ts';
import { isLoopback } from '../config/check-combinations.ts';
import { ConfigError } from '../config/config-error.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { RunDoor } from '../door/run-door.ts';
import { ServerEventHub, type ServerEvents } from '../events.ts';
import { Authenticator } from '../http/authenticator.ts';
import type { Route } from '../http/http-endpoint.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import type { SharedSessions } from '../sessions/shared-sessions.ts';
import { ServerViews } from '../views/server-views.ts';

import { createDoor } from './create-door.ts';
import type { ServerPermits } from './create-semaphore.ts';
import { createServerEngine } from './create-server-engine.ts';
import { createServerMetrics } from './create-server-metrics.ts';
import { createSessions } from './create-sessions.ts';
import { createTools } from './create-tools.ts';
import { drainServer } from './drain-server.ts';
import type { ExaiServer, ServerExtras, ServerStats } from './exai-server.ts';
import { JournalPruner } from './journal-pruner.ts';
import type { ModelSource } from './model-source.ts';
import { createServerPool, type ServerPool } from './postgres-pool.ts';
import { resumeRuns } from './resume-runs.ts';
import { ServerPort } from './server-port.ts';
import { TakeOver } from './take-over-runs.ts';
import { createWatchedStore, type WatchedStore } from './watched-store.ts';

const SWEEP_FRACTION = 4;
const MAX_SWEEP_MS = 1000;

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
  readonly #port: ServerPort;
  readonly #permits: ServerPermits;
  readonly #postgres: ServerPool | undefined;
  readonly #store: WatchedStore;
  readonly #shared: SharedSessions | undefined;
  readonly #takeOver: TakeOver | undefined;
  readonly #audit: AuditLog | undefined;
  readonly #pruner: JournalPruner;
  readonly #sweeping: NodeJS.Timeout;
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
    const { sessions, shared } = createSessions({ server: this, events: this.#events, pool: this.#postgres?.pool });
    this.sessions = sessions;
    this.#shared = shared;
    this.views = this.#createViews();
    this.metrics = createServerMetrics(this);
    this.#port = this.#createPort();
    this.routes = this.#port.routes;
    const sweepMs = Math.min(MAX_SWEEP_MS, Math.min(config.resumeWindowMs, config.sessionTimeoutMs) / SWEEP_FRACTION);
    this.#sweeping = setInterval(() => this.sessions.sweep(), sweepMs);
    this.#pruner = new JournalPruner(this.engine, config);
    this.#pruner.start();
    this.#audit = config.audit ? new AuditLog(config.dataDir) : undefined;
    this.#audit?.watch(this.#events);
    if (config.faults) this.#audit?.write('faultsEnabled', {});
  }

  get port(): number {
    return this.#port.number;
  }

  get url(): string {
    return this.#port.url;
  }

  get wsUrl(): string {
    return this.#port.wsUrl;
  }

  async listen(): Promise<this> {
    await this.#openStores();
    await this.#pruner.prune();
    await this.#port.listen();
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
      connections: this.#port.ws.size,
      bufferedBytesMax: this.#port.ws.bufferedBytesMax,
      callsInFlight: this.service.inFlight,
      runsAtDoor: this.#door.waiting,
      draining: this.#closed !== undefined,
      storeFailed: this.#store.failure() !== undefined,
      account: this.#account(),
      faults: this.config.faults,
      kept: this.service.size + this.#door.size + this.#port.connectionLimits.addresses + this.sessions.size,
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
    clearInterval(this.#sweeping);
    this.#pruner.stop();
    await this.#takeOver?.stop();
    await drainServer({
      graceMs,
      service: this.service,
      sessions: this.sessions,
      shared: this.#shared,
      ws: this.#port.ws,
      mcp: this.#port.mcp,
      http: this.#port.http,
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

  #createViews(): ServerViews {
    const { simulator, simulated } = this.models;
    const views = new ServerViews({
      semaphore: this.semaphore,
      service: this.service,
      sessions: this.sessions,
      events: this.#events,
      simulator: simulator === undefined ? undefined : { timeScale: simulator.timeScale, providers: simulated },
      faults: this.config.faults,
      connections: () => this.#port.ws.size,
      isDraining: () => this.#closed !== undefined,
      isReady: () => this.#unready() === undefined,
    });
    views.notebook.watchRuns(this.engine);
    return views;
  }

  #createPort(): ServerPort {
    return new ServerPort({
      server: this,
      shared: this.#shared,
      events: this.#events,
      isDraining: () => this.#closed !== undefined,
      unready: () => this.#unready(),
      audit: (what) => this.#audit?.write('fault', what),
    });
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
