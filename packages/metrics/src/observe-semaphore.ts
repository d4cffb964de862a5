import { assertMethods } from './assert-methods.ts';
import { BUCKETS, type FamilyName } from './families.ts';
import type { Emit, Labels, Source } from './family.ts';
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

/** Gauges and counters read from one field; a family without the label `provider` ignores it. */
const PER_TIER = {
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
  families.startAtZero(['mcp_semaphore_health_checks_total'], {});
  for (const provider of Object.keys(semaphore.stats().providers))
    families.startAtZero(['mcp_semaphore_overdue_total', 'mcp_semaphore_limit_changes_total'], { provider });
  return () => stops.forEach((stop) => stop());
}

function semaphoreSources(
  tiers: (scraping: boolean) => readonly ObservableTier[] | undefined,
): ReadonlyMap<FamilyName, Source> {
  const sources = new Map<FamilyName, Source>();
  const feed = (name: FamilyName, emitTier: (emit: Emit, tier: ObservableTier) => void): void => {
    sources.set(name, (emit, scraping) => tiers(scraping)?.forEach((tier) => emitTier(emit, tier)));
  };
  for (const [name, read] of entriesOf(PER_TIER)) feed(name, (emit, tier) => emit(labelsOf(tier), read(tier)));
  feed('mcp_concurrent_requests', (emit, tier) => {
    if (tier.type === 'provider') emit({ provider: tier.provider }, tier.held);
  });
  feed('mcp_semaphore_recoveries_total', (emit, tier) => {
    for (const [status, count] of Object.entries(tier.recoveries)) emit({ ...labelsOf(tier), status }, count);
  });
  feed('mcp_semaphore_acquisition_failures_total', (emit, tier) => {
    for (const [reason, count] of Object.entries(tier.rejected)) emit({ ...labelsOf(tier), reason }, count);
  });
  feed('mcp_semaphore_wait_seconds', (emit, tier) => {
    const { counts, sumMs, count } = tier.wait;
    emit(labelsOf(tier), { counts, sum: sumMs / 1000, count });
  });
  return sources;
}

function entriesOf<N extends FamilyName>(table: Readonly<Record<N, ReadTier>>): readonly (readonly [N, ReadTier])[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a literal table are its declared names
  return Object.entries(table) as [N, ReadTier][];
}

/** An absent label on some series breaks joins, so the two tiers without a provider say `none`. */
function labelsOf({ type, provider }: ObservableTier): Labels {
  return { semaphore_type: type, provider: type === 'provider' ? provider : 'none' };
}

function tiersOf(stats: ObservableTiers): readonly ObservableTier[] {
  return [stats.global, ...Object.values(stats.providers), stats.session];
}

function assertSemaphore(semaphore: ObservableSemaphore): void {
  assertMethods('INVALID_COMPONENT', 'semaphore', semaphore, ['stats', 'on']);
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
