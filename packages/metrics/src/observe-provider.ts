import { assertMethods } from './assert-methods.ts';
import type { FamilyNameOf } from './families.ts';
import type { FamilySet } from './family-set.ts';
import { MetricsError } from './metrics-error.ts';
import { BREAKER_STATES } from './vocabularies.ts';

/** Fields of provider events this package reads; every one may be absent. */
export interface ProviderEvent {
  readonly model?: string;
  readonly code?: string;
  readonly phase?: string;
  readonly source?: string;
  readonly state?: string;
  readonly firstTokenMs?: number;
  readonly durationMs?: number;
  readonly cost?: number;
  readonly usage?: ProviderUsage;
  readonly error?: { readonly code?: string };
}

/** Tokens of one call. */
export interface ProviderUsage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly reasoningTokens?: number;
  readonly cachedTokens?: number;
}

/** Events of a provider this package listens to. */
export type ProviderEventName =
  | 'attempt'
  | 'firstToken'
  | 'stalled'
  | 'resumed'
  | 'retried'
  | 'hedged'
  | 'finished'
  | 'failed'
  | 'breakerChanged';

/** A provider by shape: `createGLM()` and `createKimi()` of `@exai/providers` fit it. */
export interface ObservableProvider {
  readonly id?: string;
  on(event: ProviderEventName, listener: (event: ProviderEvent) => void): () => void;
}

/** How a provider is observed. */
export interface ObserveProviderOptions {
  /** The label `provider`. @defaultValue the provider's `id` */
  readonly provider?: string;
}

const STARTED_AT_ZERO = [
  'mcp_provider_errors_total',
  'mcp_provider_breaker_changes_total',
  'mcp_provider_hedges_total',
  'mcp_provider_stalls_total',
  'mcp_provider_stall_recoveries_total',
  'mcp_provider_timeouts_total',
] as const;

/** Feeds the provider families from a provider's events until the returned function is called. */
export function observeProvider(
  families: FamilySet,
  source: ObservableProvider,
  options: ObserveProviderOptions = {},
): () => void {
  assertMethods('INVALID_COMPONENT', 'provider', source, ['on']);
  const provider = options.provider ?? source.id;
  if (typeof provider !== 'string' || provider === '')
    throw new MetricsError('INVALID_LABEL', `provider must be a name, got ${JSON.stringify(provider)}`);
  families.startAtZero(STARTED_AT_ZERO, { provider });
  families.add('mcp_provider_retries_total', { provider, reason: 'RATE_LIMITED' }, 0);
  const stops = [...observeCalls(families, source, provider), ...observeTrouble(families, source, provider)];
  return () => stops.forEach((stop) => stop());
}

function observeCalls(families: FamilySet, source: ObservableProvider, provider: string): (() => void)[] {
  const seconds = (name: FamilyNameOf<'histogram'> & `mcp_provider_${string}`, ms: number | undefined): void => {
    if (ms !== undefined) families.observe(name, { provider }, ms / 1000);
  };
  return [
    source.on('attempt', ({ model = 'other' }) => {
      families.add('mcp_provider_attempts_total', { provider, model });
      for (const result of ['ok', 'failed'])
        families.add('mcp_provider_requests_total', { provider, model, result }, 0);
    }),
    source.on('firstToken', ({ firstTokenMs }) => seconds('mcp_provider_first_token_seconds', firstTokenMs)),
    source.on('finished', ({ model = 'other', durationMs, usage, cost }) => {
      families.add('mcp_provider_requests_total', { provider, model, result: 'ok' });
      seconds('mcp_provider_request_duration_seconds', durationMs);
      if (usage !== undefined) addTokens(families, provider, model, usage);
      if (cost !== undefined) families.add('mcp_provider_cost_usd_total', { provider, model }, cost);
    }),
    source.on('failed', ({ model = 'other', code = 'other', phase = 'other', source: budget = 'other' }) => {
      families.add('mcp_provider_requests_total', { provider, model, result: 'failed' });
      families.add('mcp_provider_errors_total', { provider, code });
      if (code === 'TIMEOUT') families.add('mcp_provider_timeouts_total', { provider, phase, source: budget });
    }),
  ];
}

function observeTrouble(families: FamilySet, source: ObservableProvider, provider: string): (() => void)[] {
  const breakers = new Map<string, number>();
  return [
    families.get('mcp_provider_breaker_state').attach((emit) => emit({ provider }, Math.max(0, ...breakers.values()))),
    source.on('stalled', ({ phase = 'other' }) => families.add('mcp_provider_stalls_total', { provider, phase })),
    source.on('resumed', ({ phase = 'other' }) =>
      families.add('mcp_provider_stall_recoveries_total', { provider, phase }),
    ),
    source.on('retried', ({ code, error }) =>
      families.add('mcp_provider_retries_total', { provider, reason: code ?? error?.code ?? 'other' }),
    ),
    source.on('hedged', () => families.add('mcp_provider_hedges_total', { provider })),
    source.on('breakerChanged', ({ model = 'other', state = 'other' }) => {
      families.add('mcp_provider_breaker_changes_total', { provider, state });
      rememberBreaker(breakers, families.admit('model', model), state);
    }),
  ];
}

/** Only breakers that are not closed are kept, so the map stays as small as the trouble. */
function rememberBreaker(breakers: Map<string, number>, model: string, state: string): void {
  const value = BREAKER_STATES.findIndex((known) => known === state);
  if (value > 0) breakers.set(model, value);
  else breakers.delete(model);
}

function addTokens(families: FamilySet, provider: string, model: string, usage: ProviderUsage): void {
  const add = (direction: string, tokens = 0): void =>
    families.add('mcp_provider_tokens_total', { provider, model, direction }, tokens);
  add('input', usage.inputTokens);
  add('output', usage.outputTokens);
  add('reasoning', usage.reasoningTokens);
  add('cached', usage.cachedTokens);
}
