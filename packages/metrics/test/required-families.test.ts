import { describe, expect, test } from 'vitest';

import { createMetrics } from '../src/index.ts';
import { parseExposition } from './exposition.ts';
import { FakeSemaphore } from './fake-semaphore.ts';

/** Name, type and labels of the contract, as literals. */
const REQUIRED = [
  ['mcp_semaphore_leaks_detected_total', 'counter', ['semaphore_type']],
  ['mcp_semaphore_recoveries_total', 'counter', ['semaphore_type', 'status']],
  ['mcp_semaphore_current_value', 'gauge', ['provider', 'semaphore_type']],
  ['mcp_semaphore_expected_value', 'gauge', ['provider', 'semaphore_type']],
  ['mcp_concurrent_requests', 'gauge', ['provider']],
  ['mcp_semaphore_wait_seconds', 'histogram', ['le', 'semaphore_type']],
  ['mcp_semaphore_acquisition_failures_total', 'counter', ['provider', 'reason', 'semaphore_type']],
] as const;

const REQUIRED_BOUNDS = ['0.001', '0.005', '0.01', '0.05', '0.1', '0.5', '1', '5', '10', '+Inf'];

function observed() {
  const semaphore = new FakeSemaphore();
  const metrics = createMetrics({ cacheMs: 0 });
  metrics.observeSemaphore(semaphore);
  const read = async () => parseExposition(await metrics.render());
  return { semaphore, metrics, read };
}

describe('the seven required families', () => {
  test.each(REQUIRED)('%s is a %s with exactly its labels', async (name, type, labels) => {
    const { metrics } = observed();
    const text = await metrics.render();
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
    const line = text
      .split('\n')
      .find((candidate) => candidate.startsWith(type === 'histogram' ? `${name}_bucket` : `${name}{`));
    expect(
      [...(line ?? '').matchAll(/(\w+)="/g)].map((match) => match[1]).toSorted((a = '', b = '') => a.localeCompare(b)),
    ).toEqual(labels);
  });

  test('the wait histogram has the required bounds and reaches 600 s', async () => {
    const { read } = observed();
    const bounds = [...(await read()).keys()].flatMap((key) =>
      key.startsWith('mcp_semaphore_wait_seconds_bucket{') && key.includes('semaphore_type="global"')
        ? [/le="([^"]+)"/.exec(key)?.[1]]
        : [],
    );
    expect(bounds).toEqual(expect.arrayContaining(REQUIRED_BOUNDS));
    expect(bounds).toContain('600');
    expect(bounds.filter((bound) => bound?.includes('Inf'))).toEqual(['+Inf']);
  });

  test('every one moves when the counts of the semaphore move', async () => {
    const { semaphore, read } = observed();
    const before = await read();
    semaphore.global.leaksDetected = 1;
    semaphore.providers['glm']!.recoveries = { success: 1, partial: 0, failed: 0 };
    semaphore.global.held = 2;
    semaphore.global.leaked = 1;
    semaphore.providers['kimi']!.held = 2;
    semaphore.global.wait = {
      ...semaphore.global.wait,
      counts: [0, 0, 0, 1, ...Array.from({ length: 13 }, () => 0)],
      sumMs: 40,
      count: 1,
    };
    semaphore.providers['glm']!.rejected = { ...semaphore.providers['glm']!.rejected, OVER_CAPACITY: 3 };
    const after = await read();
    const moved = (key: string) => [before.get(key), after.get(key)];
    expect(moved('mcp_semaphore_leaks_detected_total{semaphore_type="global"}')).toEqual([0, 1]);
    expect(moved('mcp_semaphore_recoveries_total{semaphore_type="provider",status="success"}')).toEqual([0, 1]);
    expect(moved('mcp_semaphore_current_value{provider="none",semaphore_type="global"}')).toEqual([5, 3]);
    expect(moved('mcp_semaphore_expected_value{provider="none",semaphore_type="global"}')).toEqual([5, 4]);
    expect(moved('mcp_concurrent_requests{provider="kimi"}')).toEqual([0, 2]);
    expect(moved('mcp_semaphore_wait_seconds_count{semaphore_type="global"}')).toEqual([0, 1]);
    expect(moved('mcp_semaphore_wait_seconds_sum{semaphore_type="global"}')).toEqual([0, 0.04]);
    expect(moved('mcp_semaphore_wait_seconds_bucket{le="0.01",semaphore_type="global"}')).toEqual([0, 0]);
    expect(moved('mcp_semaphore_wait_seconds_bucket{le="0.05",semaphore_type="global"}')).toEqual([0, 1]);
    expect(
      moved(
        'mcp_semaphore_acquisition_failures_total{provider="glm",reason="OVER_CAPACITY",semaphore_type="provider"}',
      ),
    ).toEqual([0, 3]);
  });

  test('expected equals current however busy, and exceeds it by what is leaked', async () => {
    const { semaphore, read } = observed();
    semaphore.global.held = 5;
    const gap = async () => {
      const samples = await read();
      const labels = '{provider="none",semaphore_type="global"}';
      return (
        samples.get(`mcp_semaphore_expected_value${labels}`)! - samples.get(`mcp_semaphore_current_value${labels}`)!
      );
    };
    expect(await gap()).toBe(0);
    semaphore.global.leaked = 2;
    expect(await gap()).toBe(2);
  });

  test('accounts of one provider are one label value: counts add up, the oldest age wins', async () => {
    const { semaphore, read } = observed();
    semaphore.providers['glm']!.held = 1;
    semaphore.providers['glm']!.oldestHoldMs = 4000;
    semaphore.providers['glm:team-a'] = {
      ...semaphore.providers['glm']!,
      provider: 'glm:team-a',
      held: 2,
      oldestHoldMs: 1000,
    };
    const samples = await read();
    expect(samples.get('mcp_concurrent_requests{provider="glm"}')).toBe(3);
    expect(samples.get('mcp_semaphore_oldest_holder_age_seconds{provider="glm",semaphore_type="provider"}')).toBe(4);
  });

  test('one scrape reads the semaphore once, so its families agree', async () => {
    const { semaphore, metrics } = observed();
    const before = semaphore.reads;
    await metrics.registry.metrics();
    expect(semaphore.reads - before).toBe(1);
  });

  test('nothing that happens on every grant is listened to', () => {
    expect(observed().semaphore.names.toSorted()).toEqual(['health', 'limitChanged', 'overdue']);
  });

  test('rare events are counted', async () => {
    const { semaphore, read } = observed();
    semaphore.emit('overdue', { provider: 'kimi' });
    semaphore.emit('limitChanged', { provider: 'glm', limit: 1, was: 2 });
    semaphore.emit('health', { healthy: false });
    const samples = await read();
    expect(samples.get('mcp_semaphore_overdue_total{provider="kimi"}')).toBe(1);
    expect(samples.get('mcp_semaphore_limit_changes_total{move="down",provider="glm"}')).toBe(1);
    expect(samples.get('mcp_semaphore_health_checks_total{status="unhealthy"}')).toBe(1);
  });
});

describe('the six helpers', () => {
  test('feed the required families of a semaphore that is not observed', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    metrics.recordSemaphoreLeak('session', 2, 1);
    metrics.recordSemaphoreRecovery('global', 'partial', 2);
    metrics.updateSemaphoreValues('provider', 'kimi', 1, 3);
    metrics.recordSemaphoreWait('provider', 400);
    metrics.recordSemaphoreAcquisitionFailure('session', 'none');
    metrics.updateConcurrentRequests('kimi', 3);
    const samples = parseExposition(await metrics.render());
    expect(samples.get('mcp_semaphore_leaks_detected_total{semaphore_type="session"}')).toBe(1);
    expect(samples.get('mcp_semaphore_recoveries_total{semaphore_type="global",status="partial"}')).toBe(1);
    expect(samples.get('mcp_semaphore_permits_recovered_total{semaphore_type="global"}')).toBe(2);
    expect(samples.get('mcp_semaphore_current_value{provider="kimi",semaphore_type="provider"}')).toBe(1);
    expect(samples.get('mcp_semaphore_expected_value{provider="kimi",semaphore_type="provider"}')).toBe(3);
    expect(samples.get('mcp_semaphore_wait_seconds_bucket{le="300",semaphore_type="provider"}')).toBe(0);
    expect(samples.get('mcp_semaphore_wait_seconds_bucket{le="600",semaphore_type="provider"}')).toBe(1);
    expect(
      samples.get(
        'mcp_semaphore_acquisition_failures_total{provider="none",reason="UNSPECIFIED",semaphore_type="session"}',
      ),
    ).toBe(1);
    expect(samples.get('mcp_concurrent_requests{provider="kimi"}')).toBe(3);
  });

  test('a leak counts permits, not calls', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    metrics.recordSemaphoreLeak('global', 5, 2);
    expect(
      parseExposition(await metrics.render()).get('mcp_semaphore_leaks_detected_total{semaphore_type="global"}'),
    ).toBe(3);
  });

  test.each([
    ['recordSemaphoreLeak', (m) => m.recordSemaphoreLeak('global', 5, 4)],
    ['recordSemaphoreRecovery', (m) => m.recordSemaphoreRecovery('session', 'success', 1)],
    ['updateSemaphoreValues', (m) => m.updateSemaphoreValues('provider', 'glm', 1, 2)],
    ['recordSemaphoreWait', (m) => m.recordSemaphoreWait('provider', 1)],
    ['recordSemaphoreAcquisitionFailure', (m) => m.recordSemaphoreAcquisitionFailure('global', 'none')],
    ['updateConcurrentRequests', (m) => m.updateConcurrentRequests('glm:team-a', 1)],
  ] as const satisfies readonly (readonly [string, (m: ReturnType<typeof createMetrics>) => void])[])(
    '%s throws ALREADY_OBSERVED for a label set that an observed semaphore feeds',
    (_name, call) => {
      const { metrics } = observed();
      expect(() => call(metrics)).toThrow(expect.objectContaining({ name: 'MetricsError', code: 'ALREADY_OBSERVED' }));
    },
  );

  test('a provider the observed semaphore does not know can still be recorded', async () => {
    const { metrics, read } = observed();
    metrics.updateConcurrentRequests('local', 1);
    expect((await read()).get('mcp_concurrent_requests{provider="local"}')).toBe(1);
  });

  test.each([
    ['NaN', 'INVALID_VALUE', (m) => m.recordSemaphoreWait('global', NaN)],
    ['a negative wait', 'INVALID_VALUE', (m) => m.recordSemaphoreWait('global', -1)],
    ['infinity', 'INVALID_VALUE', (m) => m.updateConcurrentRequests('glm', Infinity)],
    ['a negative current value', 'INVALID_VALUE', (m) => m.updateSemaphoreValues('global', 'none', -1, 5)],
    ['a leak of nothing', 'INVALID_VALUE', (m) => m.recordSemaphoreLeak('global', 5, 5)],
    ['a negative recovery', 'INVALID_VALUE', (m) => m.recordSemaphoreRecovery('global', 'success', -1)],
    ['an unknown tier', 'INVALID_LABEL', (m) => m.recordSemaphoreWait('provider_kimi' as 'provider', 1)],
    ['an unknown status', 'INVALID_LABEL', (m) => m.recordSemaphoreRecovery('global', 'maybe' as 'failed', 1)],
    [
      'an unknown reason',
      'INVALID_LABEL',
      (m) => m.recordSemaphoreAcquisitionFailure('global', 'none', 'bored' as 'SHED'),
    ],
    ['an empty provider', 'INVALID_LABEL', (m) => m.updateConcurrentRequests('', 1)],
  ] as const satisfies readonly (readonly [string, string, (m: ReturnType<typeof createMetrics>) => void])[])(
    '%s is refused with %s and leaves the exposition as it was',
    async (_what, code, call) => {
      const metrics = createMetrics({ cacheMs: 0 });
      const before = parseExposition(await metrics.render()).size;
      expect(() => call(metrics)).toThrow(expect.objectContaining({ code }));
      expect(parseExposition(await metrics.render()).size).toBe(before);
    },
  );
});
