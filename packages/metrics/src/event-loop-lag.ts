import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { FamilySet } from './family-set.ts';
import { oncePerScrape } from './once-per-scrape.ts';

/** Sampling interval; the delay reported is what exceeds it. */
const RESOLUTION_MS = 20;
const NANOSECONDS = 1e9;

interface Lag {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Feeds `mcp_event_loop_lag_seconds`, each scrape from the time since the one before. */
export function observeEventLoop(families: FamilySet): () => void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const read = oncePerScrape(
    () => {
      const lag = lagOf(histogram);
      histogram.reset();
      return lag;
    },
    () => families.sourceFailed('runtime'),
  );
  const detach = families.get('mcp_event_loop_lag_seconds').attach((emit, scraping) => {
    for (const [stat, seconds] of Object.entries(read(scraping) ?? {})) emit({ stat }, seconds);
  });
  return () => {
    detach();
    histogram.disable();
  };
}

function lagOf(histogram: ReturnType<typeof monitorEventLoopDelay>): Lag {
  if (histogram.count === 0) return { p50: 0, p99: 0, max: 0 };
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1000);
  return {
    p50: seconds(histogram.percentile(50)),
    p99: seconds(histogram.percentile(99)),
    max: seconds(histogram.max),
  };
}
