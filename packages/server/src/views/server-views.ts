import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

import type { HolderInfo, TieredSemaphore, TierStats } from '@exai/semaphore';

import type { CallService } from '../calls/call-service.ts';
import type { Tool } from '../calls/tool.ts';
import type { Work } from '../calls/work.ts';
import type { ServerEventHub } from '../events.ts';
import type {
  CallSnapshot,
  HealthReport,
  HolderSnapshot,
  ServerFrame,
  SessionSnapshot,
  Snapshot,
  TierSnapshot,
  ToolInfo,
} from '../protocol/index.ts';
import type { Session } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { VERSION } from '../version.ts';
import type { ConnectionViews } from '../ws/connection-views.ts';

import { Notebook } from './notebook.ts';
import { toInputSchema } from './tool-schema.ts';

/** What the views look at. */
export interface ServerViewsParts {
  readonly semaphore: TieredSemaphore;
  readonly service: CallService;
  readonly sessions: SessionRegistry;
  readonly events: ServerEventHub;
  readonly simulator: { readonly timeScale: number; readonly providers: readonly string[] } | undefined;
  readonly faults: boolean;
  readonly connections: () => number;
  readonly isDraining: () => boolean;
  readonly isReady: () => boolean;
}

/** Who looks: an administrator sees everything, a session its own. */
export interface Viewer {
  readonly id: string;
  readonly admin: boolean;
}

const NANOSECONDS_PER_MS = 1e6;
const LAG_RESOLUTION_MS = 10;

/** What the server shows of itself. Everything is read when it is asked for; nothing is stored but a few notes. */
export class ServerViews implements ConnectionViews {
  readonly #parts: ServerViewsParts;
  readonly #notebook: Notebook;
  readonly #lag: IntervalHistogram;
  readonly #startedAt = performance.now();
  #tools: ToolInfo[] | undefined;

  constructor(parts: ServerViewsParts) {
    this.#parts = parts;
    this.#notebook = new Notebook(parts.events, parts.semaphore);
    this.#lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
    this.#lag.enable();
  }

  get notebook(): Notebook {
    return this.#notebook;
  }

  get uptimeMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  welcome(): Pick<Extract<ServerFrame, { type: 'welcome' }>, 'server' | 'simulator'> {
    const { simulator } = this.#parts;
    return {
      server: { name: 'exai-server', version: VERSION },
      ...(simulator === undefined
        ? {}
        : { simulator: { timeScale: simulator.timeScale, providers: [...simulator.providers] } }),
    };
  }

  /** In the order they were registered, which never changes. */
  tools(): ToolInfo[] {
    this.#tools ??= [...this.#parts.service.tools.values()].map(toToolInfo);
    return this.#tools;
  }

  health(id: string, viewer: Viewer): HealthReport {
    const report = this.#parts.semaphore.health();
    return {
      type: 'health_report',
      id,
      healthy: report.healthy,
      ready: this.#parts.isReady(),
      uptimeMs: this.uptimeMs,
      overdue: report.overdue,
      leaked: report.leaked,
      quarantined: report.quarantined,
      oldestHoldMs: report.oldestHoldMs,
      tiers: this.#tiers(),
      holders: visible(report.holders, viewer).map(toHolder),
    };
  }

  snapshot(id: string, viewer: Viewer): Extract<ServerFrame, { type: 'snapshot' }> {
    return { type: 'snapshot', id, snapshot: this.look(viewer) };
  }

  /** The state now, as far as this viewer may see it. */
  look(viewer: Viewer): Snapshot {
    const { semaphore, service, sessions, simulator, faults, connections, isDraining } = this.#parts;
    const works = [...service.works()].filter((work) => viewer.admin || work.session === viewer.id);
    const shown = [...sessions.values()].filter((session) => viewer.admin || session.id === viewer.id);
    return {
      at: Date.now(),
      scope: viewer.admin ? 'all' : 'session',
      version: VERSION,
      uptimeMs: this.uptimeMs,
      draining: isDraining(),
      faults,
      simulated: [...(simulator?.providers ?? [])],
      connections: connections(),
      tiers: this.#tiers(),
      holders: visible(semaphore.holders(), viewer).map(toHolder),
      sessions: shown.map((session) => toSession(session, works)),
      calls: works.map(toCall),
      runs: this.#notebook.runs(viewer),
      totals: this.#notebook.totals(),
      notes: viewer.admin ? this.#notebook.notes() : [],
      eventLoopLagMs: {
        p50: this.#lag.percentile(50) / NANOSECONDS_PER_MS,
        p99: this.#lag.percentile(99) / NANOSECONDS_PER_MS,
        max: this.#lag.max / NANOSECONDS_PER_MS,
      },
    };
  }

  close(): void {
    this.#lag.disable();
    this.#notebook.close();
  }

  #tiers(): TierSnapshot[] {
    const { global, providers, session } = this.#parts.semaphore.stats();
    return [global, ...Object.values(providers), session].map(toTier);
  }
}

function visible(holders: readonly HolderInfo[], viewer: Viewer): readonly HolderInfo[] {
  return viewer.admin ? holders : holders.filter(({ session }) => session === viewer.id);
}

function toTier(stats: TierStats): TierSnapshot {
  const { type, provider, capacity, limit, held, available, waiting, leaked, oldestHoldMs } = stats;
  return { type, provider, capacity, limit, held, available, waiting, leaked, oldestHoldMs };
}

function toHolder(holder: HolderInfo): HolderSnapshot {
  const { id, provider, session, label, ageMs, deadlineAt, state } = holder;
  return {
    id,
    ageMs,
    state,
    ...(provider === undefined ? {} : { provider }),
    ...(session === undefined ? {} : { session }),
    ...(label === undefined ? {} : { label }),
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
  };
}

function toSession(session: Session, works: readonly Work[]): SessionSnapshot {
  const own = works.filter((work) => work.session === session.id);
  return {
    id: session.id,
    transport: session.transport,
    connected: session.connected,
    idleMs: Math.max(0, Date.now() - session.lastSeenAt),
    calls: own.length,
    atDoor: own.filter(({ phase }) => phase === 'door').length,
    waiting: own.filter(({ phase }) => phase === 'queued').length,
    running: own.filter(({ phase }) => phase !== 'door' && phase !== 'queued' && phase !== 'between').length,
    outbox: session.outbox.length,
  };
}

function toCall(work: Work): CallSnapshot {
  const now = Date.now();
  return {
    id: work.runId,
    session: work.session,
    tool: work.tool.name,
    provider: work.provider,
    phase: work.phase,
    phaseMs: work.phaseMs,
    ageMs: Math.max(0, now - work.startedAt),
    budgetMs: work.budgetMs,
    leftMs: work.deadlineAt - now,
    steps: work.steps,
    runId: work.runId,
  };
}

function toToolInfo({ name, description, kind, input }: Tool): ToolInfo {
  return { name, description, kind, inputSchema: toInputSchema(input) };
}
