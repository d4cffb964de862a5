import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { createMetrics, FAMILIES } from '../src/index.ts';
import { parseExposition } from './exposition.ts';
import { observeAll, runScript } from './scripted-run.ts';

/** One series per family, and its value before and after the scripted run. Names and labels are literals on purpose. */
const MOVES: readonly (readonly [string, number | undefined, number])[] = [
  ['mcp_semaphore_leaks_detected_total{semaphore_type="session"}', 0, 2],
  ['mcp_semaphore_recoveries_total{semaphore_type="global",status="success"}', 0, 1],
  ['mcp_semaphore_current_value{provider="none",semaphore_type="global"}', 5, 4],
  ['mcp_semaphore_expected_value{provider="glm",semaphore_type="provider"}', 2, 2],
  ['mcp_concurrent_requests{provider="glm"}', 0, 1],
  ['mcp_semaphore_wait_seconds_bucket{le="10",semaphore_type="global"}', 0, 1],
  ['mcp_semaphore_acquisition_failures_total{provider="kimi",reason="SHED",semaphore_type="provider"}', 0, 1],
  ['mcp_semaphore_capacity{provider="kimi",semaphore_type="provider"}', 3, 3],
  ['mcp_semaphore_limit{provider="kimi",semaphore_type="provider"}', 3, 1],
  ['mcp_semaphore_in_use{provider="none",semaphore_type="session"}', 0, 1],
  ['mcp_semaphore_queue_depth{provider="none",semaphore_type="global"}', 0, 2],
  ['mcp_semaphore_oldest_holder_age_seconds{provider="glm",semaphore_type="provider"}', 0, 5],
  ['mcp_semaphore_grants_total{provider="none",semaphore_type="global"}', 0, 7],
  ['mcp_semaphore_releases_total{provider="none",semaphore_type="global"}', 0, 5],
  ['mcp_semaphore_permits_recovered_total{semaphore_type="provider"}', 0, 2],
  ['mcp_semaphore_late_releases_total{provider="none",semaphore_type="session"}', 0, 1],
  ['mcp_semaphore_overdue_total{provider="glm"}', 0, 1],
  ['mcp_semaphore_limit_changes_total{move="down",provider="glm"}', 0, 1],
  ['mcp_semaphore_health_checks_total{status="healthy"}', 0, 1],
  ['mcp_requests_total{outcome="ok",tool="chat",transport="ws"}', undefined, 1],
  ['mcp_request_duration_seconds_bucket{le="30",tool="chat"}', undefined, 1],
  ['mcp_request_queue_seconds_bucket{le="0.5"}', undefined, 1],
  ['mcp_requests_in_flight{}', 0, 1],
  ['mcp_errors_total{code="OVER_CAPACITY"}', 0, 1],
  ['mcp_shed_total{reason="OVER_CAPACITY"}', 0, 1],
  ['mcp_idempotent_replays_total{}', 0, 1],
  ['mcp_sessions{}', 0, 2],
  ['mcp_sessions_started_total{}', 0, 1],
  ['mcp_sessions_ended_total{reason="expired"}', 0, 1],
  ['mcp_ws_connections{}', 0, 3],
  ['mcp_ws_closes_total{code="1000"}', 0, 1],
  ['mcp_ws_buffered_bytes{}', 0, 4096],
  ['mcp_resumes_total{result="resumed"}', 0, 1],
  ['mcp_draining{}', 0, 1],
  ['mcp_store_failed{}', 0, 1],
  ['mcp_account_failed{}', 0, 1],
  ['mcp_account_leased{provider="glm"}', undefined, 2],
  ['exai_faults_enabled{}', 0, 1],
  ['mcp_drains_total{}', 0, 1],
  ['mcp_provider_attempts_total{model="glm-4.6",provider="glm"}', undefined, 1],
  ['mcp_provider_requests_total{model="glm-4.6",provider="glm",result="ok"}', undefined, 1],
  ['mcp_provider_errors_total{code="TIMEOUT",provider="glm"}', 0, 1],
  ['mcp_provider_request_duration_seconds_bucket{le="30",provider="glm"}', undefined, 1],
  ['mcp_provider_first_token_seconds_bucket{le="1",provider="glm"}', undefined, 1],
  ['mcp_provider_tokens_total{direction="cached",model="glm-4.6",provider="glm"}', undefined, 60],
  ['mcp_provider_cost_usd_total{model="glm-4.6",provider="glm"}', undefined, 0.002],
  ['mcp_provider_retries_total{provider="glm",reason="RATE_LIMITED"}', 0, 1],
  ['mcp_provider_hedges_total{provider="glm"}', 0, 1],
  ['mcp_provider_stalls_total{phase="text",provider="glm"}', 0, 1],
  ['mcp_provider_stall_recoveries_total{phase="text",provider="glm"}', 0, 1],
  ['mcp_provider_timeouts_total{phase="first",provider="glm",source="learned"}', 0, 1],
  ['mcp_provider_breaker_state{provider="glm"}', 0, 2],
  ['mcp_provider_breaker_changes_total{provider="glm",state="open"}', 0, 1],
  ['mcp_workflow_runs_total{tool="debug"}', undefined, 1],
  ['mcp_workflow_steps_total{tool="debug"}', undefined, 2],
  ['mcp_workflow_run_steps_bucket{le="2",tool="debug"}', undefined, 1],
  ['mcp_workflow_stops_total{reason="complete",tool="debug"}', undefined, 1],
  ['mcp_workflow_verdicts_total{result="failed",tool="debug"}', undefined, 1],
  ['mcp_workflow_calibration_error{tool="debug"}', undefined, 0.8],
];

/** Families that say what runs, or what went wrong in the metrics themselves. */
const STANDING = [
  'mcp_event_loop_lag_seconds',
  'mcp_build_info',
  'mcp_metrics_label_overflow_total',
  'mcp_metrics_invalid_values_total',
  'mcp_metrics_source_errors_total',
];

const familyOf = (series: string): string => series.slice(0, series.indexOf('{')).replace(/_bucket$/, '');

describe('every documented family', () => {
  test('has a series in the table below, and no other family exists', () => {
    const documented = [...MOVES.map(([series]) => familyOf(series)), ...STANDING];
    expect(documented.toSorted()).toEqual(Object.keys(FAMILIES).toSorted());
  });

  test('moves in a scripted run', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    const components = observeAll(metrics);
    const before = parseExposition(await metrics.render());
    runScript(components);
    const after = parseExposition(await metrics.render());
    expect(MOVES.map(([series]) => [series, before.get(series), after.get(series)])).toEqual(MOVES);
  });

  test('the standing ones are there from the start or at the first trouble', async () => {
    const metrics = createMetrics({ cacheMs: 0, version: '1.2.3' });
    const { server, semaphore } = observeAll(metrics);
    server.emit('finished', { transport: 'ws', tool: 'made-up', durationMs: NaN });
    await new Promise((resolve) => setTimeout(resolve, 50));
    semaphore.stats = () => {
      throw new Error('broken');
    };
    const samples = parseExposition(await metrics.render());
    expect(samples.get(`mcp_build_info{node="${process.version}",version="1.2.3"}`)).toBe(1);
    expect(samples.get('mcp_event_loop_lag_seconds{stat="max"}')).toBeGreaterThanOrEqual(0);
    expect(samples.get('mcp_metrics_label_overflow_total{family="mcp_requests_total"}')).toBe(1);
    expect(samples.get('mcp_metrics_invalid_values_total{family="mcp_request_duration_seconds"}')).toBe(1);
    expect(samples.get('mcp_metrics_source_errors_total{component="semaphore"}')).toBe(1);
  });

  test('a run that is complete without proof is counted apart from a verified one', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    const { engine } = observeAll(metrics);
    engine.emit('run.started', { runId: 'a', workflow: 'debug' });
    engine.emit('run.finished', { runId: 'a', stop: { kind: 'complete', verified: false }, result: { steps: 1 } });
    const samples = parseExposition(await metrics.render());
    expect(samples.get('mcp_workflow_stops_total{reason="complete_unverified",tool="debug"}')).toBe(1);
    expect(samples.has('mcp_workflow_stops_total{reason="complete",tool="debug"}')).toBe(false);
  });

  test('the breaker gauge shows the worst breaker of a provider and comes back to 0', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    const { provider } = observeAll(metrics);
    const state = async () => parseExposition(await metrics.render()).get('mcp_provider_breaker_state{provider="glm"}');
    provider.emit('breakerChanged', { model: 'glm-4.6', state: 'open' });
    provider.emit('breakerChanged', { model: 'glm-5', state: 'half-open' });
    expect(await state()).toBe(2);
    provider.emit('breakerChanged', { model: 'glm-4.6', state: 'closed' });
    expect(await state()).toBe(1);
    provider.emit('breakerChanged', { model: 'glm-5', state: 'closed' });
    expect(await state()).toBe(0);
  });

  test('two providers may share one label, two semaphores may not', () => {
    const metrics = createMetrics();
    const { semaphore } = observeAll(metrics);
    const second = observeAll(createMetrics()).semaphore;
    expect(() => metrics.observeProvider(observeAll(createMetrics()).provider, { provider: 'glm' })).not.toThrow();
    expect(() => metrics.observeSemaphore(semaphore)).not.toThrow();
    expect(() => metrics.observeSemaphore(second)).toThrow(expect.objectContaining({ code: 'ALREADY_OBSERVED' }));
  });
});

describe('the README', () => {
  test('lists every family with its type and labels', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const specs: Readonly<Record<string, { type: string; labels: object; help: string }>> = FAMILIES;
    for (const [name, { type, labels, help }] of Object.entries(specs)) {
      const names = Object.keys(labels).map((label) => `\`${label}\``);
      expect(readme).toContain(`| \`${name}\` | ${type} | ${names.join(', ') || '–'} | ${help} |`);
    }
  });
});
