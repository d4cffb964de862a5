import { Registry } from 'prom-client';

import { Family, type Labels } from '../family.ts';
import { LabelGuard } from '../label-guard.ts';
import { MetricsError } from '../metrics-error.ts';
import { assertRegistry, type MetricsRegistry, registerAll } from '../metrics-registry.ts';
import type { ObservableProvider, ObserveProviderOptions, ProviderEvent } from '../observe-provider.ts';
import { DEFAULT_MODELS } from '../vocabularies.ts';
import { GEN_AI_FAMILIES, type SemConv } from './gen-ai-families.ts';

/** Options of {@link createGenAiMetrics}. */
export interface GenAiMetricsOptions {
  /** May be the one of `createMetrics`: the names differ. @defaultValue a new prom-client `Registry` */
  readonly registry?: MetricsRegistry;
  /** Which names are exported. @defaultValue `1.41` */
  readonly semconv?: SemConv;
  /** Provider label → `gen_ai.provider.name`. @defaultValue `{ kimi: 'moonshot_ai', glm: 'z_ai' }`; others keep their name */
  readonly providerNames?: Readonly<Record<string, string>>;
  /** Model names that may be a label value beside the known GLM and Kimi ones; every other is `other`. @defaultValue none */
  readonly models?: readonly string[];
}

/** The OpenTelemetry GenAI families of one registry. */
export interface GenAiMetrics {
  readonly registry: MetricsRegistry;
  /** Feeds the families from a provider's events. Returns what stops it. */
  observeProvider(provider: ObservableProvider, options?: ObserveProviderOptions): () => void;
  /** Stops observing and takes these families out of the registry. */
  close(): void;
}

/** Kimi's name is in the list of the conventions; for GLM there is none yet, so this one is ours. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = { kimi: 'moonshot_ai', glm: 'z_ai' };

/**
 * Exports model calls under OpenTelemetry's GenAI names, beside or instead of our own. Off unless called.
 *
 * @throws {MetricsError} `INVALID_REGISTRY`, `NAME_TAKEN` (also for a second call on one registry), `INVALID_OPTION`.
 */
export function createGenAiMetrics(options: GenAiMetricsOptions = {}): GenAiMetrics {
  const registry: unknown = options.registry === undefined ? new Registry() : options.registry;
  assertRegistry(registry);
  const { semconv = '1.41' } = options;
  if (!Object.hasOwn(GEN_AI_FAMILIES, semconv))
    throw new MetricsError('INVALID_OPTION', `semconv must be 1.41 or inference-2026, got ${semconv}`);
  const families = createFamilies(semconv, options.models ?? []);
  registerAll(registry, [...families.values()]);
  const writer = new GenAiWriter(families, semconv, { ...PROVIDER_NAMES, ...options.providerNames });
  const stops = new Set<() => void>();
  return {
    registry,
    observeProvider: (provider, observe) => {
      const stop = writer.observe(provider, observe?.provider ?? provider.id);
      stops.add(stop);
      return stop;
    },
    close: () => {
      for (const stop of stops) stop();
      for (const name of families.keys()) registry.removeSingleMetric(name);
    },
  };
}

function createFamilies(semconv: SemConv, models: readonly string[]): ReadonlyMap<string, Family> {
  const families = new Map<string, Family>();
  const guard = new LabelGuard({ models: [...DEFAULT_MODELS, ...models], tools: [] });
  const count = (name: string) => (family: string) => families.get(name)?.add({ family }, 1);
  const reports = {
    overflowed: count('gen_ai_metrics_label_overflow_total'),
    invalid: count('gen_ai_metrics_invalid_values_total'),
  };
  for (const [name, spec] of Object.entries(GEN_AI_FAMILIES[semconv]))
    families.set(name, new Family(name, spec, guard, reports));
  return families;
}

class GenAiWriter {
  readonly #families: ReadonlyMap<string, Family>;
  readonly #prefix: string;
  readonly #semconv: SemConv;
  readonly #names: Readonly<Record<string, string>>;

  constructor(families: ReadonlyMap<string, Family>, semconv: SemConv, names: Readonly<Record<string, string>>) {
    this.#families = families;
    this.#semconv = semconv;
    this.#prefix = semconv === '1.41' ? 'gen_ai_client_operation' : 'gen_ai_client_inference';
    this.#names = names;
  }

  observe(provider: ObservableProvider, id: string | undefined): () => void {
    if (id === undefined || id === '') throw new MetricsError('INVALID_LABEL', 'provider must have an id or a name');
    const labels = ({ model = 'other' }: ProviderEvent): Labels => ({
      gen_ai_operation_name: 'chat',
      gen_ai_provider_name: this.#names[id] ?? id,
      gen_ai_request_model: model,
    });
    const stops = [
      provider.on('firstToken', (event) => this.#seconds('time_to_first_chunk', labels(event), event.firstTokenMs)),
      provider.on('finished', (event) => {
        this.#seconds('duration', { ...labels(event), error_type: '' }, event.durationMs);
        this.#tokens(labels(event), event.usage);
      }),
      provider.on('failed', (event) =>
        this.#seconds('duration', { ...labels(event), error_type: event.code ?? 'other' }, event.durationMs),
      ),
    ];
    return () => stops.forEach((stop) => stop());
  }

  #seconds(what: 'duration' | 'time_to_first_chunk', labels: Labels, ms: number | undefined): void {
    if (ms !== undefined) this.#families.get(`${this.#prefix}_${what}_seconds`)?.observe(labels, ms / 1000);
  }

  /** What a provider does not report is not exported, rather than exported as 0. */
  #tokens(labels: Labels, usage: ProviderEvent['usage']): void {
    if (usage === undefined) return;
    if (this.#semconv === '1.41') {
      const usageFamily = this.#families.get('gen_ai_client_token_usage');
      usageFamily?.observe({ ...labels, gen_ai_token_type: 'input' }, usage.inputTokens ?? 0);
      usageFamily?.observe({ ...labels, gen_ai_token_type: 'output' }, usage.outputTokens ?? 0);
      return;
    }
    const add = (kind: string, tokens: number | undefined): void => {
      if (tokens !== undefined) this.#families.get(`${this.#prefix}_usage_${kind}_tokens_total`)?.add(labels, tokens);
    };
    add('input', usage.inputTokens);
    add('output', usage.outputTokens);
    add('cache_read_input', usage.cachedTokens);
    add('reasoning_output', usage.reasoningTokens);
  }
}
