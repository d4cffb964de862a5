import { assertMethods } from './assert-methods.ts';
import type { FamilyName } from './families.ts';
import type { Source } from './family.ts';
import type { FamilySet } from './family-set.ts';
import { oncePerScrape } from './once-per-scrape.ts';

/** What a server tells at a scrape. */
export interface ObservableServerStats {
  readonly sessions: number;
  readonly connections: number;
  readonly bufferedBytesMax: number;
  readonly callsInFlight: number;
  readonly draining: boolean;
  /** Whether the store of the journals cannot be written. Default false. */
  readonly storeFailed?: boolean;
  /** The limits it shares with other servers, if it does; `leased` is by provider. */
  readonly account?: { readonly failed: boolean; readonly leased: Readonly<Record<string, number>> } | undefined;
  /** Whether the server can be told to misbehave. Default false. */
  readonly faults?: boolean;
}

/** Fields of server events this package reads; every one may be absent. */
export interface ServerEvent {
  /** `closed`: the WebSocket close code. Elsewhere the error code, absent or null when all went well. */
  readonly code?: number | string | null;
  readonly reason?: string;
  readonly transport?: string;
  readonly tool?: string;
  readonly outcome?: string;
  readonly durationMs?: number;
  readonly queuedMs?: number;
  readonly replayed?: boolean;
  readonly ok?: boolean;
}

/** Events of the server this package listens to. */
export type ServerEventName =
  | 'closed'
  | 'sessionStarted'
  | 'sessionEnded'
  | 'resumed'
  | 'finished'
  | 'shed'
  | 'draining';

/** A server by shape: `createServer()` of `@exai/server` fits it. */
export interface ObservableServer {
  stats(): ObservableServerStats;
  on(event: ServerEventName, listener: (event: ServerEvent) => void): () => void;
}

const STARTED_AT_ZERO = [
  'mcp_errors_total',
  'mcp_ws_closes_total',
  'mcp_sessions_ended_total',
  'mcp_resumes_total',
  'mcp_idempotent_replays_total',
  'mcp_sessions_started_total',
  'mcp_drains_total',
] as const;

/** Feeds the server families from a live server until the returned function is called. */
export function observeServer(families: FamilySet, server: ObservableServer): () => void {
  assertMethods('INVALID_COMPONENT', 'server', server, ['stats', 'on']);
  const stats = oncePerScrape(
    () => server.stats(),
    () => families.sourceFailed('server'),
  );
  const detach = families.attach(serverSources(stats));
  families.startAtZero(STARTED_AT_ZERO, {});
  for (const reason of ['OVER_CAPACITY', 'SERVER_DRAINING', 'RATE_LIMITED'])
    families.add('mcp_shed_total', { reason }, 0);
  const stops = [
    detach,
    server.on('closed', ({ code }) => families.add('mcp_ws_closes_total', { code: String(code ?? 1005) })),
    server.on('sessionStarted', () => families.add('mcp_sessions_started_total', {})),
    server.on('sessionEnded', ({ reason }) => families.add('mcp_sessions_ended_total', { reason: reason ?? 'other' })),
    server.on('resumed', ({ ok }) =>
      families.add('mcp_resumes_total', { result: ok === false ? 'failed' : 'resumed' }),
    ),
    server.on('finished', (event) => recordCall(families, event)),
    server.on('shed', ({ code, reason }) =>
      families.add('mcp_shed_total', { reason: String(code ?? reason ?? 'other') }),
    ),
    server.on('draining', () => families.add('mcp_drains_total', {})),
  ];
  return () => stops.forEach((stop) => stop());
}

function serverSources(
  stats: (scraping: boolean) => ObservableServerStats | undefined,
): ReadonlyMap<FamilyName, Source> {
  const gauge =
    (read: (now: ObservableServerStats) => number): Source =>
    (emit, scraping) => {
      const now = stats(scraping);
      if (now !== undefined) emit({}, read(now));
    };
  return new Map<FamilyName, Source>([
    ['mcp_sessions', gauge((now) => now.sessions)],
    ['mcp_ws_connections', gauge((now) => now.connections)],
    ['mcp_ws_buffered_bytes', gauge((now) => now.bufferedBytesMax)],
    ['mcp_requests_in_flight', gauge((now) => now.callsInFlight)],
    ['mcp_draining', gauge((now) => (now.draining ? 1 : 0))],
    ['mcp_store_failed', gauge((now) => (now.storeFailed === true ? 1 : 0))],
    ['mcp_account_failed', gauge((now) => (now.account?.failed === true ? 1 : 0))],
    [
      'mcp_account_leased',
      (emit, scraping) => {
        for (const [provider, leased] of Object.entries(stats(scraping)?.account?.leased ?? {}))
          emit({ provider }, leased);
      },
    ],
    ['exai_faults_enabled', gauge((now) => (now.faults === true ? 1 : 0))],
  ]);
}

function recordCall(families: FamilySet, event: ServerEvent): void {
  const { transport = 'other', tool = 'other', durationMs, queuedMs, replayed } = event;
  const code = event.code === undefined || event.code === null ? undefined : String(event.code);
  families.add('mcp_requests_total', { transport, tool, outcome: event.outcome ?? outcomeOf(code) });
  if (code !== undefined) families.add('mcp_errors_total', { code });
  if (durationMs !== undefined) families.observe('mcp_request_duration_seconds', { tool }, durationMs / 1000);
  if (queuedMs !== undefined) families.observe('mcp_request_queue_seconds', {}, queuedMs / 1000);
  if (replayed === true) families.add('mcp_idempotent_replays_total', {});
}

function outcomeOf(code: string | undefined): string {
  switch (code) {
    case undefined:
      return 'ok';
    case 'CANCELLED':
      return 'cancelled';
    case 'DEADLINE_EXCEEDED':
    case 'QUEUE_TIMEOUT':
      return 'timeout';
    case 'OVER_CAPACITY':
    case 'SERVER_DRAINING':
    case 'RATE_LIMITED':
    case 'CIRCUIT_OPEN':
      return 'shed';
    default:
      return 'error';
  }
}
