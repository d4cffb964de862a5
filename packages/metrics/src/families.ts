import type { Vocabulary } from './vocabularies.ts';

/** Upper bounds in seconds, to 600 s because calls may take 420 s; the required nine are among them. */
const SECONDS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
/** Upper bounds in steps of a run, to its safety limit of 50. */
const STEPS: readonly number[] = [1, 2, 3, 5, 8, 13, 20, 30, 40, 50];

/** Bounds of the OpenTelemetry GenAI conventions, the seconds prolonged to 655 s because thinking models need them. */
const GEN_AI_SECONDS: readonly number[] = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36,
];
const GEN_AI_TOKENS: readonly number[] = Array.from({ length: 14 }, (_, power) => 4 ** power);

/** Name of a set of histogram bounds. */
export type BucketKind = 'seconds' | 'steps' | 'genAiSeconds' | 'genAiTokens';

/** Finite upper bounds of each kind of histogram. */
export const BUCKETS: Readonly<Record<BucketKind, readonly number[]>> = {
  seconds: SECONDS,
  steps: STEPS,
  genAiSeconds: GEN_AI_SECONDS,
  genAiTokens: GEN_AI_TOKENS,
};

/** How one family is declared. */
export interface FamilySpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Label name → where its values come from, in the order they are written. */
  readonly labels: Readonly<Record<string, Vocabulary>>;
  /** How two readings of one label set become one: across accounts of a provider and across workers. Default `sum`. */
  readonly merge?: 'sum' | 'max';
  /** Histograms only. */
  readonly buckets?: BucketKind;
}

/** Every family this package can export. Code, dashboards and alert checks take names from here. */
export const FAMILIES = {
  mcp_semaphore_leaks_detected_total: {
    type: 'counter',
    help: 'Permits proven leaked or lost, once each in every tier they covered.',
    labels: { semaphore_type: 'tier' },
  },
  mcp_semaphore_recoveries_total: {
    type: 'counter',
    help: 'Recoveries that found something proven, by outcome.',
    labels: { semaphore_type: 'tier', status: 'recovery' },
  },
  mcp_semaphore_current_value: {
    type: 'gauge',
    help: 'Capacity minus all held permits.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
  },
  mcp_semaphore_expected_value: {
    type: 'gauge',
    help: 'Capacity minus permits of live holders; above the current value by what is leaked or lost and not yet reclaimed.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
  },
  mcp_concurrent_requests: {
    type: 'gauge',
    help: 'Provider calls that hold a permit now.',
    labels: { provider: 'provider' },
  },
  mcp_semaphore_wait_seconds: {
    type: 'histogram',
    help: 'Time a tier was full while a call waited for it.',
    labels: { semaphore_type: 'tier' },
    buckets: 'seconds',
  },
  mcp_semaphore_acquisition_failures_total: {
    type: 'counter',
    help: 'Refused acquires, on the tier waited for longest, by code.',
    labels: { semaphore_type: 'tier', provider: 'provider', reason: 'acquireCode' },
  },
  mcp_semaphore_capacity: {
    type: 'gauge',
    help: 'Configured permits; for sessions the sum over live ones.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
  },
  mcp_semaphore_limit: {
    type: 'gauge',
    help: 'Permits the adaptive limit allows now.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
  },
  mcp_semaphore_in_use: {
    type: 'gauge',
    help: 'Permits held now.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
  },
  mcp_semaphore_queue_depth: {
    type: 'gauge',
    help: 'Calls waiting for a permit.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
  },
  mcp_semaphore_oldest_holder_age_seconds: {
    type: 'gauge',
    help: 'Age of the oldest held permit, 0 without one.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
    merge: 'max',
  },
  mcp_semaphore_grants_total: {
    type: 'counter',
    help: 'Permits granted.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
  },
  mcp_semaphore_releases_total: {
    type: 'counter',
    help: 'Permits released by their holder.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
  },
  mcp_semaphore_permits_recovered_total: {
    type: 'counter',
    help: 'Permits a recovery brought back.',
    labels: { semaphore_type: 'tier' },
  },
  mcp_semaphore_late_releases_total: {
    type: 'counter',
    help: 'Releases that came after the permit was reclaimed and changed nothing.',
    labels: { semaphore_type: 'tier', provider: 'provider' },
  },
  mcp_semaphore_overdue_total: {
    type: 'counter',
    help: 'Permits held longer than asked.',
    labels: { provider: 'provider' },
  },
  mcp_semaphore_limit_changes_total: {
    type: 'counter',
    help: 'Moves of the adaptive limit.',
    labels: { provider: 'provider', move: 'limitMove' },
  },
  mcp_semaphore_health_checks_total: {
    type: 'counter',
    help: 'Health checks, by what they found.',
    labels: { status: 'health' },
  },
  mcp_requests_total: {
    type: 'counter',
    help: 'Finished calls.',
    labels: { transport: 'transport', tool: 'tool', outcome: 'outcome' },
  },
  mcp_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from acceptance of a call to its terminal frame.',
    labels: { tool: 'tool' },
    buckets: 'seconds',
  },
  mcp_request_queue_seconds: {
    type: 'histogram',
    help: 'Time from acceptance of a call to the start of its work.',
    labels: {},
    buckets: 'seconds',
  },
  mcp_requests_in_flight: { type: 'gauge', help: 'Calls accepted and not finished.', labels: {} },
  mcp_errors_total: {
    type: 'counter',
    help: 'Calls that ended with an error, by its code.',
    labels: { code: 'wireCode' },
  },
  mcp_shed_total: {
    type: 'counter',
    help: 'Calls and sessions refused to protect the rest, by code.',
    labels: { reason: 'wireCode' },
  },
  mcp_idempotent_replays_total: {
    type: 'counter',
    help: 'Calls answered from an earlier run of the same idempotency key.',
    labels: {},
  },
  mcp_sessions: { type: 'gauge', help: 'Live sessions.', labels: {} },
  mcp_sessions_started_total: { type: 'counter', help: 'Sessions started.', labels: {} },
  mcp_sessions_ended_total: {
    type: 'counter',
    help: 'Sessions ended, by reason.',
    labels: { reason: 'sessionEnd' },
  },
  mcp_ws_connections: { type: 'gauge', help: 'Open WebSocket connections.', labels: {} },
  mcp_ws_closes_total: {
    type: 'counter',
    help: 'Closed WebSocket connections, by close code.',
    labels: { code: 'closeCode' },
  },
  mcp_ws_buffered_bytes: {
    type: 'gauge',
    help: 'Unsent bytes of the slowest reader.',
    labels: {},
    merge: 'max',
  },
  mcp_resumes_total: { type: 'counter', help: 'Attempts to resume a session.', labels: { result: 'resume' } },
  mcp_draining: { type: 'gauge', help: '1 while the server drains.', labels: {}, merge: 'max' },
  mcp_store_failed: {
    type: 'gauge',
    help: '1 while the store of the journals cannot be written.',
    labels: {},
    merge: 'max',
  },
  mcp_account_failed: {
    type: 'gauge',
    help: '1 while the limits shared with other servers grant nothing.',
    labels: {},
    merge: 'max',
  },
  mcp_account_leased: {
    type: 'gauge',
    help: 'Permits of the shared limits that this server has leased.',
    labels: { provider: 'provider' },
  },
  mcp_drains_total: { type: 'counter', help: 'Drains begun.', labels: {} },
  exai_faults_enabled: {
    type: 'gauge',
    help: '1 while the server can be told to misbehave.',
    labels: {},
    merge: 'max',
  },
  mcp_provider_attempts_total: {
    type: 'counter',
    help: 'HTTP attempts at a provider.',
    labels: { provider: 'provider', model: 'model' },
  },
  mcp_provider_requests_total: {
    type: 'counter',
    help: 'Model calls that ended.',
    labels: { provider: 'provider', model: 'model', result: 'result' },
  },
  mcp_provider_errors_total: {
    type: 'counter',
    help: 'Model calls that failed, by code.',
    labels: { provider: 'provider', code: 'providerCode' },
  },
  mcp_provider_request_duration_seconds: {
    type: 'histogram',
    help: 'Time of a model call that succeeded, waits included.',
    labels: { provider: 'provider' },
    buckets: 'seconds',
  },
  mcp_provider_first_token_seconds: {
    type: 'histogram',
    help: 'Time from the request to the first token of any kind.',
    labels: { provider: 'provider' },
    buckets: 'seconds',
  },
  mcp_provider_tokens_total: {
    type: 'counter',
    help: 'Billed tokens; reasoning is part of output, cached of input.',
    labels: { provider: 'provider', model: 'model', direction: 'direction' },
  },
  mcp_provider_cost_usd_total: {
    type: 'counter',
    help: 'Cost of calls whose price is known, in US dollars.',
    labels: { provider: 'provider', model: 'model' },
  },
  mcp_provider_retries_total: {
    type: 'counter',
    help: 'Retries, by the code of the attempt that failed.',
    labels: { provider: 'provider', reason: 'providerCode' },
  },
  mcp_provider_hedges_total: { type: 'counter', help: 'Hedged attempts.', labels: { provider: 'provider' } },
  mcp_provider_stalls_total: {
    type: 'counter',
    help: 'Streams silent for longer than usual.',
    labels: { provider: 'provider', phase: 'phase' },
  },
  mcp_provider_stall_recoveries_total: {
    type: 'counter',
    help: 'Silent streams that spoke again.',
    labels: { provider: 'provider', phase: 'phase' },
  },
  mcp_provider_timeouts_total: {
    type: 'counter',
    help: 'Calls ended by a time-out, by phase and by where its budget came from.',
    labels: { provider: 'provider', phase: 'phase', source: 'timeoutSource' },
  },
  mcp_provider_breaker_state: {
    type: 'gauge',
    help: 'Worst breaker of the provider: 0 closed, 1 half-open, 2 open.',
    labels: { provider: 'provider' },
    merge: 'max',
  },
  mcp_provider_breaker_changes_total: {
    type: 'counter',
    help: 'Breaker changes, by the state entered.',
    labels: { provider: 'provider', state: 'breaker' },
  },
  mcp_workflow_runs_total: { type: 'counter', help: 'Workflow runs started.', labels: { tool: 'tool' } },
  mcp_workflow_steps_total: { type: 'counter', help: 'Workflow steps finished.', labels: { tool: 'tool' } },
  mcp_workflow_run_steps: {
    type: 'histogram',
    help: 'Steps of a finished run.',
    labels: { tool: 'tool' },
    buckets: 'steps',
  },
  mcp_workflow_stops_total: {
    type: 'counter',
    help: 'Runs stopped, by reason.',
    labels: { tool: 'tool', reason: 'stop' },
  },
  mcp_workflow_verdicts_total: {
    type: 'counter',
    help: 'Claims an expert or judge has ruled on.',
    labels: { tool: 'tool', result: 'verdict' },
  },
  mcp_workflow_calibration_error: {
    type: 'gauge',
    help: 'Expected calibration error of claims over verdicts, ten bins: 0 is honest confidence.',
    labels: { tool: 'tool' },
    merge: 'max',
  },
  mcp_event_loop_lag_seconds: {
    type: 'gauge',
    help: 'Event loop delay since the last scrape.',
    labels: { stat: 'lagStat' },
    merge: 'max',
  },
  mcp_build_info: {
    type: 'gauge',
    help: 'Always 1; says what runs.',
    labels: { version: 'text', node: 'text' },
    merge: 'max',
  },
  mcp_metrics_label_overflow_total: {
    type: 'counter',
    help: 'Label values folded into "other" because they were not known or too many.',
    labels: { family: 'family' },
  },
  mcp_metrics_invalid_values_total: {
    type: 'counter',
    help: 'Values of observed components dropped because they were not finite or negative.',
    labels: { family: 'family' },
  },
  mcp_metrics_source_errors_total: {
    type: 'counter',
    help: 'Reads of an observed component that threw.',
    labels: { component: 'component' },
  },
} as const;

/** Name of a family. */
export type FamilyName = keyof typeof FAMILIES;

/** Names of the families of one type. */
export type FamilyNameOf<T extends FamilySpec['type']> = {
  [N in FamilyName]: (typeof FAMILIES)[N]['type'] extends T ? N : never;
}[FamilyName];

/** The labels a family takes. */
export type LabelsOf<N extends FamilyName> = { readonly [L in keyof (typeof FAMILIES)[N]['labels']]: string };
