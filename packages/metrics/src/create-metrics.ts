import { collectDefaultMetrics, Registry } from 'prom-client';

import { observeEventLoop } from './event-loop-lag.ts';
import { FAMILIES } from './families.ts';
import { FamilySet } from './family-set.ts';
import { MetricsError } from './metrics-error.ts';
import { assertRegistry, type MetricsRegistry, registerAll } from './metrics-registry.ts';
import { type ObservableEngine, observeEngine } from './observe-engine.ts';
import { type ObservableProvider, observeProvider, type ObserveProviderOptions } from './observe-provider.ts';
import { type ObservableSemaphore, observeSemaphore } from './observe-semaphore.ts';
import { type ObservableServer, observeServer } from './observe-server.ts';
import { createSemaphoreRecorder, type SemaphoreRecorder } from './record-semaphore.ts';
import { DEFAULT_MODELS, DEFAULT_TOOLS } from './vocabularies.ts';

/** Options of {@link createMetrics}. */
export interface MetricsOptions {
  /** Where the families are registered. @defaultValue a new prom-client `Registry`, never the global one */
  readonly registry?: MetricsRegistry;
  /** Also exports prom-client's process and Node.js metrics. @defaultValue false */
  readonly defaultMetrics?: boolean;
  /** Model names that may be a label value beside the known GLM and Kimi ones; every other is `other`. @defaultValue none */
  readonly models?: readonly string[];
  /** Tool names that may be a label value beside the built-in fourteen; every other is `other`. @defaultValue none */
  readonly tools?: readonly string[];
  /** Label `version` of `mcp_build_info`. @defaultValue `unknown` */
  readonly version?: string;
  /** How long a rendered text is reused, in milliseconds; 0 renders each time. @defaultValue 1000 */
  readonly cacheMs?: number;
  /** Monotonic clock in milliseconds, for the cache. @defaultValue `performance.now()` */
  readonly now?: () => number;
}

/** Families of one registry, and the ways to feed them. */
export interface Metrics extends SemaphoreRecorder {
  readonly registry: MetricsRegistry;
  /** Value of the response header `content-type`. */
  readonly contentType: string;
  /** The exposition text, at most `cacheMs` old; concurrent calls share one rendering. Rejects with `CLOSED` after `close()`. */
  render(): Promise<string>;
  /** Feeds the semaphore families from a live semaphore; observing it again changes nothing. Returns what stops it. */
  observeSemaphore(semaphore: ObservableSemaphore): () => void;
  /** Feeds the provider families from a provider's events. Returns what stops it. */
  observeProvider(provider: ObservableProvider, options?: ObserveProviderOptions): () => void;
  /** Feeds the workflow families from an engine's events. Returns what stops it. */
  observeEngine(engine: ObservableEngine): () => void;
  /** Feeds the server families from a live server. Returns what stops it. */
  observeServer(server: ObservableServer): () => void;
  /** Stops observing and takes our families, and only ours, out of the registry. */
  close(): void;
}

/** Marks a family in a registry with the metrics it belongs to; registered, so that two copies of this package agree. */
const OWNER: unique symbol = Symbol.for('@exai/metrics.owner');
const FIRST_FAMILY = 'mcp_semaphore_leaks_detected_total';

interface Owner {
  readonly metrics: Metrics;
  readonly options: string;
}

/**
 * Creates the metrics of a registry, or returns those it has.
 *
 * @throws {MetricsError} `INVALID_REGISTRY`, `NAME_TAKEN`, `OPTIONS_CONFLICT`, `INVALID_OPTION`.
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry: unknown = options.registry === undefined ? new Registry() : options.registry;
  assertRegistry(registry);
  assertOptions(options);
  const known = ownerOf(registry);
  if (known === undefined) return build(registry, options);
  if (known.options === fingerprint(options)) return known.metrics;
  throw new MetricsError('OPTIONS_CONFLICT', 'this registry has metrics that were created with other options');
}

function build(registry: MetricsRegistry, options: MetricsOptions): Metrics {
  const families = new FamilySet({
    models: [...DEFAULT_MODELS, ...(options.models ?? [])],
    tools: [...DEFAULT_TOOLS, ...(options.tools ?? [])],
  });
  registerAll(registry, [...families.values()]);
  families.set('mcp_build_info', { version: options.version ?? 'unknown', node: process.version }, 1);
  const observers = new RegistryMetrics(registry, families, options);
  const helpers = createSemaphoreRecorder(families, () => observers.assertOpen());
  const metrics: Metrics = Object.assign(observers, helpers);
  const owner: Owner = { metrics, options: fingerprint(options) };
  Object.defineProperty(families.get(FIRST_FAMILY), OWNER, { value: owner });
  if (options.defaultMetrics === true) addDefaultMetrics(registry);
  return metrics;
}

/** All but the helpers. */
class RegistryMetrics implements Omit<Metrics, keyof SemaphoreRecorder> {
  readonly registry: MetricsRegistry;
  readonly #families: FamilySet;
  readonly #cacheMs: number;
  readonly #now: () => number;
  readonly #stops = new Set<() => void>();
  readonly #observed = new Map<object, () => void>();
  #rendered: { readonly at: number; readonly text: Promise<string> } | undefined;
  #closed = false;

  constructor(registry: MetricsRegistry, families: FamilySet, options: MetricsOptions) {
    this.registry = registry;
    this.#families = families;
    this.#cacheMs = options.cacheMs ?? 1000;
    this.#now = options.now ?? (() => performance.now());
    this.#stops.add(observeEventLoop(families));
  }

  assertOpen(): void {
    if (this.#closed) throw new MetricsError('CLOSED', 'these metrics are closed');
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  async render(): Promise<string> {
    this.assertOpen();
    const at = this.#now();
    if (this.#rendered !== undefined && at - this.#rendered.at < this.#cacheMs) return this.#rendered.text;
    const rendered = { at, text: this.registry.metrics() };
    this.#rendered = rendered;
    rendered.text.catch(() => {
      if (this.#rendered === rendered) this.#rendered = undefined;
    });
    return rendered.text;
  }

  observeSemaphore(semaphore: ObservableSemaphore): () => void {
    return this.#observe(semaphore, () => observeSemaphore(this.#families, semaphore));
  }

  observeProvider(provider: ObservableProvider, options?: ObserveProviderOptions): () => void {
    return this.#observe(provider, () => observeProvider(this.#families, provider, options));
  }

  observeEngine(engine: ObservableEngine): () => void {
    return this.#observe(engine, () => observeEngine(this.#families, engine));
  }

  observeServer(server: ObservableServer): () => void {
    return this.#observe(server, () => observeServer(this.#families, server));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#stops.clear();
    this.#observed.clear();
    for (const name of Object.keys(FAMILIES)) this.registry.removeSingleMetric(name);
  }

  #observe(component: object, start: () => () => void): () => void {
    this.assertOpen();
    const known = this.#observed.get(component);
    if (known !== undefined) return known;
    const detach = start();
    const stop = (): void => {
      if (!this.#stops.delete(stop)) return;
      this.#observed.delete(component);
      detach();
    };
    this.#stops.add(stop);
    this.#observed.set(component, stop);
    return stop;
  }
}

function ownerOf(registry: MetricsRegistry): Owner | undefined {
  const family = registry.getSingleMetric(FIRST_FAMILY);
  if (typeof family !== 'object' || family === null || !(OWNER in family)) return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only build() writes this symbol
  return family[OWNER] as Owner;
}

function fingerprint({
  defaultMetrics = false,
  models = [],
  tools = [],
  version,
  cacheMs = 1000,
}: MetricsOptions): string {
  return JSON.stringify({ defaultMetrics, models, tools, version, cacheMs });
}

function assertOptions({ cacheMs = 1000, models = [], tools = [] }: MetricsOptions): void {
  if (!Number.isFinite(cacheMs) || cacheMs < 0)
    throw new MetricsError('INVALID_OPTION', `cacheMs must be a finite number of at least 0, got ${cacheMs}`);
  for (const name of [...models, ...tools])
    if (typeof name !== 'string' || name === '')
      throw new MetricsError('INVALID_OPTION', `models and tools must be names, got ${JSON.stringify(name)}`);
}

/** A registry others have given default metrics keeps those: a second set would throw. */
function addDefaultMetrics(registry: MetricsRegistry): void {
  if (registry.getSingleMetric('process_cpu_user_seconds_total') !== undefined) return;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the client calls nothing on it beyond the checked shape
  collectDefaultMetrics({ register: registry as Registry });
}
