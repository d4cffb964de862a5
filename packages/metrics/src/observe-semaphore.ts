import { BUCKETS, type FamilyName } from './families.ts';
import type { Emit, Source } from './family.ts';
import type { FamilySet } from './family-set.ts';
import { MetricsError } from './metrics-error.ts';
import { oncePerScrape } from './once-per-scrape.ts';

/** Counts of one tier, as `TieredSemaphore.stats()` of `@exai/semaphore` gives them. */
export interface ObservableTier {
  readonly type: 'global' | 'provider' | 'session';
  readonly provider: string;
  readonly capacity: number;
  readonly limit: number;
  readonly held: number;
  readonly waiting: number;
  readonly leaked: number;
  readonly oldestHoldMs: number;
  readonly granted: number;
  readonly released: number;
  readonly lateReleases: number;
  readonly leaksDetected: number;
  readonly recovered: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly recoveries: Readonly<Record<'success' | 'partial' | 'failed', number>>;
  /** One count per bucket, not cumulative, the one above the last bound included. */
  readonly wait: {
    readonly boundsMs: readonly number[];
    readonly counts: readonly number[];
    readonly sumMs: number;
    readonly count: number;
  };
}

/** What {@link ObservableSemaphore} tells at a scrape. */
export interface ObservableTiers {
  readonly global: ObservableTier;
  readonly providers: Readonly<Record<string, ObservableTier>>;
  readonly session: ObservableTier;
}

/**
 * A tiered semaphore by shape. Grants, releases, waits and refusals are counted inside it and read at scrape; only rare
 * events are listened to, so that a grant costs what it costs without metrics.
 */
export interface ObservableSemaphore {
  stats(): ObservableTiers;
  on(event: 'overdue', listener: (holder: { readonly provider?: string }) => void): () => void;
  on(
    event: 'limitChanged',
    listener: (change: { readonly provider: string; readonly limit: number; readonly was: number }) => void,
  ): () => void;
  on(event: 'health', listener: (report: { readonly healthy: boolean }) => void): () => void;
}

type ReadTier = (tier: ObservableTier) => number;

/** Gauges and counters with the labels `semaphore_type` and `provider`. */
const PER_TIER_AND_PROVIDER = {
  mcp_semaphore_current_value: (tier) => tier.capacity - tier.held,
  mcp_semaphore_expected_value: (tier) => tier.capacity - tier.held + tier.leaked,
  mcp_semaphore_capacity: (tier) => tier.capacity,
  mcp_semaphore_limit: (tier) => tier.limit,
  mcp_semaphore_in_use: (tier) => tier.held,
  mcp_semaphore_queue_depth: (tier) => tier.waiting,
  mcp_semaphore_oldest_holder_age_seconds: (tier) => tier.oldestHoldMs / 1000,
  mcp_semaphore_grants_total: (tier) => tier.granted,
  mcp_semaphore_releases_total: (tier) => tier.released,
  mcp_semaphore_late_releases_total: (tier) => tier.lateReleases,
} as const satisfies Partial<Record<FamilyName, ReadTier>>;

/** Counters with the label `semaphore_type` alone. */
const PER_TIER = {
  mcp_semaphore_leaks_detected_total: (tier) => tier.leaksDetected,
  mcp_semaphore_permits_recovered_total: (tier) => tier.recovered,
} as const satisfies Partial<Record<FamilyName, ReadTier>>;

/** Feeds the semaphore families from a live semaphore until the returned function is called. */
export function observeSemaphore(families: FamilySet, semaphore: ObservableSemaphore): () => void {
  assertSemaphore(semaphore);
  const tiers = oncePerScrape(
    () => tiersOf(semaphore.stats()),
    () => families.sourceFailed('semaphore'),
  );
  const detach = families.attach(semaphoreSources(tiers));
  const stops = [
    semaphore.on('overdue', ({ provider = 'none' }) => families.add('mcp_semaphore_overdue_total', { provider })),
    semaphore.on('limitChanged', ({ provider, limit, was }) =>
      families.add('mcp_semaphore_limit_changes_total', { provider, move: limit > was ? 'up' : 'down' }),
    ),
    semaphore.on('health', ({ healthy }) =>
      families.add('mcp_semaphore_health_checks_total', { status: healthy ? 'healthy' : 'unhealthy' }),
    ),
    detach,
  ];
  startAtZero(families, Object.keys(semaphore.stats().providers));
  return () => stops.forEach((stop) => stop());
}

function semaphoreSources(
  tiers: (scraping: boolean) => readonly ObservableTier[] | undefined,
): ReadonlyMap<FamilyName, Source> {
  const sources = new Map<FamilyName, Source>();
  const feed = (name: FamilyName, emitTier: (emit: Emit, tier: ObservableTier) => void): void => {
    sources.set(name, (emit, scraping) => tiers(scraping)?.forEach((tier) => emitTier(emit, tier)));
  };
  for (const [name, read] of entriesOf(PER_TIER_AND_PROVIDER))
    feed(name, (emit, tier) => emit({ semaphore_type: tier.type, provider: providerOf(tier) }, read(tier)));
  for (const [name, read] of entriesOf(PER_TIER))
    feed(name, (emit, tier) => emit({ semaphore_type: tier.type }, read(tier)));
  feed('mcp_concurrent_requests', (emit, tier) => {
    if (tier.type === 'provider') emit({ provider: tier.provider }, tier.held);
  });
  feed('mcp_semaphore_recoveries_total', (emit, { type, recoveries }) => {
    for (const [status, count] of Object.entries(recoveries)) emit({ semaphore_type: type, status }, count);
  });
  feed('mcp_semaphore_acquisition_failures_total', (emit, tier) => {
    for (const [reason, count] of Object.entries(tier.rejected))
      emit({ semaphore_type: tier.type, provider: providerOf(tier), reason }, count);
  });
  feed('mcp_semaphore_wait_seconds', (emit, { type, wait }) => {
    emit({ semaphore_type: type }, { counts: wait.counts, sum: wait.sumMs / 1000, count: wait.count });
  });
  return sources;
}

function entriesOf<N extends FamilyName>(table: Readonly<Record<N, ReadTier>>): readonly (readonly [N, ReadTier])[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a literal table are its declared names
  return Object.entries(table) as [N, ReadTier][];
}

/** An absent label on some series breaks joins, so the two tiers without a provider say `none`. */
function providerOf(tier: ObservableTier): string {
  return tier.type === 'provider' ? tier.provider : 'none';
}

function tiersOf(stats: ObservableTiers): readonly ObservableTier[] {
  return [stats.global, ...Object.values(stats.providers), stats.session];
}

/** `increase()` sees nothing of a counter whose first sample is not 0. */
function startAtZero(families: FamilySet, providers: readonly string[]): void {
  for (const provider of providers) {
    families.add('mcp_semaphore_overdue_total', { provider }, 0);
    for (const move of ['up', 'down']) families.add('mcp_semaphore_limit_changes_total', { provider, move }, 0);
  }
  for (const status of ['healthy', 'unhealthy']) families.add('mcp_semaphore_health_checks_total', { status }, 0);
}

function assertSemaphore(semaphore: ObservableSemaphore): void {
  if (typeof semaphore?.stats !== 'function' || typeof semaphore.on !== 'function')
    throw new MetricsError('INVALID_COMPONENT', 'observeSemaphore needs an object with stats() and on()');
  const stats = semaphore.stats();
  if (stats?.global === undefined || stats.session === undefined || stats.providers === undefined)
    throw new MetricsError('INVALID_COMPONENT', 'stats() of the semaphore lacks global, providers or session');
  const bounds = BUCKETS.seconds.map((seconds) => seconds * 1000);
  for (const { type, wait } of tiersOf(stats))
    if (wait?.boundsMs?.join() !== bounds.join() || wait.counts.length !== bounds.length + 1)
      throw new MetricsError(
        'INVALID_COMPONENT',
        `the ${type} tier counts waits by other bounds than ${bounds.join()}`,
      );
}
