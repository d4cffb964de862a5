import type { FamilySet } from './family-set.ts';
import { MetricsError } from './metrics-error.ts';
import { BREAKER_STATES, PHASES, PROVIDER_CODES, TIMEOUT_SOURCES } from './vocabularies.ts';

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

type Handlers = Readonly<Record<ProviderEventName, (event: ProviderEvent) => void>>;

/** Feeds the provider families from a provider's events until the returned function is called. */
export function observeProvider(
  families: FamilySet,
  source: ObservableProvider,
  options: ObserveProviderOptions = {},
): () => void {
  if (typeof source?.on !== 'function')
    throw new MetricsError('INVALID_COMPONENT', 'observeProvider needs an object with on()');
  const provider = options.provider ?? source.id;
  if (typeof provider !== 'string' || provider === '')
    throw new MetricsError('INVALID_LABEL', `provider must be a name, got ${JSON.stringify(provider)}`);
  const breakers = new Map<string, number>();
  const stopBreaker = families
    .get('mcp_provider_breaker_state')
    .attach((emit) => emit({ provider }, Math.max(0, ...breakers.values())));
  startAtZero(families, provider);
  const stops = subscribe(source, {
    ...callHandlers(families, provider),
    ...troubleHandlers(families, provider, breakers),
  });
  return () => [stopBreaker, ...stops].forEach((stop) => stop());
}

function callHandlers(families: FamilySet, provider: string): Pick<Handlers, 'attempt' | 'firstToken' | 'finished'> {
  return {
    attempt: ({ model = 'other' }) => {
      families.add('mcp_provider_attempts_total', { provider, model });
      for (const result of ['ok', 'failed'])
        families.add('mcp_provider_requests_total', { provider, model, result }, 0);
    },
    firstToken: ({ firstTokenMs }) => {
      if (firstTokenMs !== undefined)
        families.observe('mcp_provider_first_token_seconds', { provider }, firstTokenMs / 1000);
    },
    finished: ({ model = 'other', durationMs, usage, cost }) => {
      families.add('mcp_provider_requests_total', { provider, model, result: 'ok' });
      if (durationMs !== undefined)
        families.observe('mcp_provider_request_duration_seconds', { provider }, durationMs / 1000);
      if (usage !== undefined) addTokens(families, provider, model, usage);
      if (cost !== undefined) families.add('mcp_provider_cost_usd_total', { provider, model }, cost);
    },
  };
}

function troubleHandlers(
  families: FamilySet,
  provider: string,
  breakers: Map<string, number>,
): Omit<Handlers, 'attempt' | 'firstToken' | 'finished'> {
  return {
    stalled: ({ phase = 'other' }) => families.add('mcp_provider_stalls_total', { provider, phase }),
    resumed: ({ phase = 'other' }) => families.add('mcp_provider_stall_recoveries_total', { provider, phase }),
    retried: ({ code, error }) =>
      families.add('mcp_provider_retries_total', { provider, reason: code ?? error?.code ?? 'other' }),
    hedged: () => families.add('mcp_provider_hedges_total', { provider }),
    failed: ({ model = 'other', code = 'other', phase, source = 'other' }) => {
      families.add('mcp_provider_requests_total', { provider, model, result: 'failed' });
      families.add('mcp_provider_errors_total', { provider, code });
      if (code === 'TIMEOUT')
        families.add('mcp_provider_timeouts_total', { provider, phase: phase ?? 'other', source });
    },
    breakerChanged: ({ model = 'other', state = 'other' }) => {
      families.add('mcp_provider_breaker_changes_total', { provider, state });
      rememberBreaker(breakers, families.admit('model', model), state);
    },
  };
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

/** `increase()` sees nothing of a counter whose first sample is not 0. */
function startAtZero(families: FamilySet, provider: string): void {
  for (const code of PROVIDER_CODES) families.add('mcp_provider_errors_total', { provider, code }, 0);
  for (const state of BREAKER_STATES) families.add('mcp_provider_breaker_changes_total', { provider, state }, 0);
  families.add('mcp_provider_hedges_total', { provider }, 0);
  families.add('mcp_provider_retries_total', { provider, reason: 'RATE_LIMITED' }, 0);
  for (const phase of PHASES) startPhaseAtZero(families, provider, phase);
}

function startPhaseAtZero(families: FamilySet, provider: string, phase: string): void {
  families.add('mcp_provider_stalls_total', { provider, phase }, 0);
  families.add('mcp_provider_stall_recoveries_total', { provider, phase }, 0);
  for (const source of TIMEOUT_SOURCES) families.add('mcp_provider_timeouts_total', { provider, phase, source }, 0);
}

function subscribe(source: ObservableProvider, handlers: Handlers): (() => void)[] {
  return [
    source.on('attempt', handlers.attempt),
    source.on('firstToken', handlers.firstToken),
    source.on('stalled', handlers.stalled),
    source.on('resumed', handlers.resumed),
    source.on('retried', handlers.retried),
    source.on('hedged', handlers.hedged),
    source.on('finished', handlers.finished),
    source.on('failed', handlers.failed),
    source.on('breakerChanged', handlers.breakerChanged),
  ];
}
