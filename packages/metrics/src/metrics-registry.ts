import { assertMethods } from './assert-methods.ts';
import type { Family } from './family.ts';
import { MetricsError } from './metrics-error.ts';

/** The part of a registry this package uses. `Registry` of prom-client 15 and of `@prometheus-io/client` fit it. */
export interface MetricsRegistry {
  readonly contentType: string;
  metrics(): Promise<string>;
  registerMetric(metric: never): void;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
}

/** Checks at creation what a scrape would trip over. */
export function assertRegistry(candidate: unknown): asserts candidate is MetricsRegistry {
  const methods = ['metrics', 'registerMetric', 'getSingleMetric', 'removeSingleMetric'];
  assertMethods('INVALID_REGISTRY', 'registry', candidate, methods);
  if (typeof Reflect.get(Object(candidate), 'contentType') !== 'string')
    throw new MetricsError('INVALID_REGISTRY', 'the registry has no contentType');
}

/** Registers every family or none. */
export function registerAll(registry: MetricsRegistry, families: readonly Family[]): void {
  const foreign = families.find((family) => registry.getSingleMetric(family.name) !== undefined);
  if (foreign !== undefined)
    throw new MetricsError('NAME_TAKEN', `the registry holds a metric called ${foreign.name} that is not ours`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the clients type this as their own classes and ask for get()
  for (const family of families) registry.registerMetric(family as never);
}
