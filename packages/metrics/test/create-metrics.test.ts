import { Registry, Counter, register as globalRegister } from 'prom-client';
import { describe, expect, test } from 'vitest';

import { createMetrics, MetricsError } from '../src/index.ts';
import { parseExposition } from './exposition.ts';
import { FakeSemaphore } from './fake-semaphore.ts';
import { FakeServer, observeAll, runScript } from './scripted-run.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MetricsError', code: expected });

describe('createMetrics', () => {
  test('uses a registry of its own and leaves the global one empty', () => {
    createMetrics();
    expect(globalRegister.getMetricsAsArray()).toEqual([]);
  });

  test('returns the same metrics for the same registry and options', () => {
    const registry = new Registry();
    expect(createMetrics({ registry })).toBe(createMetrics({ registry }));
  });

  test('refuses other options for a registry it knows', () => {
    const registry = new Registry();
    createMetrics({ registry });
    expect(() => createMetrics({ registry, models: ['x'] })).toThrow(code('OPTIONS_CONFLICT'));
  });

  test.each([
    [{}],
    [null],
    [42],
    [{ metrics() {}, registerMetric() {}, getSingleMetric() {} }],
    [{ metrics() {}, registerMetric() {}, getSingleMetric() {}, removeSingleMetric() {} }],
  ])('refuses %o as a registry at creation', (registry) => {
    expect(() => createMetrics({ registry: registry as never })).toThrow(code('INVALID_REGISTRY'));
  });

  test('refuses a foreign metric of one of its names and registers nothing', () => {
    const registry = new Registry();
    const foreign = new Counter({ name: 'mcp_errors_total', help: 'theirs', registers: [registry] });
    expect(() => createMetrics({ registry })).toThrow(code('NAME_TAKEN'));
    expect(registry.getMetricsAsArray()).toEqual([foreign]);
  });

  test.each([[{ cacheMs: -1 }], [{ cacheMs: NaN }], [{ models: [''] }], [{ tools: [3 as never] }]])(
    'refuses %o',
    (options) => {
      expect(() => createMetrics(options)).toThrow(code('INVALID_OPTION'));
    },
  );

  test('keeps metrics of others in the registry, before and after close()', async () => {
    const registry = new Registry();
    const foreign = new Counter({ name: 'orders_total', help: 'theirs', registers: [registry] });
    const metrics = createMetrics({ registry });
    expect(await metrics.render()).toContain('orders_total 0');
    metrics.close();
    expect(registry.getMetricsAsArray()).toEqual([foreign]);
  });

  test('after close() every call says CLOSED, and the registry can be used anew', async () => {
    const registry = new Registry();
    const metrics = createMetrics({ registry });
    const semaphore = new FakeSemaphore();
    metrics.observeSemaphore(semaphore);
    metrics.close();
    metrics.close();
    expect(semaphore.names).toEqual([]);
    await expect(metrics.render()).rejects.toThrow(code('CLOSED'));
    expect(() => metrics.recordSemaphoreWait('global', 1)).toThrow(code('CLOSED'));
    expect(() => metrics.observeSemaphore(semaphore)).toThrow(code('CLOSED'));
    expect(createMetrics({ registry })).not.toBe(metrics);
  });

  test('defaultMetrics adds the process metrics once, even where the registry has them', async () => {
    const registry = new Registry();
    const metrics = createMetrics({ registry, defaultMetrics: true });
    expect(await metrics.render()).toContain('process_cpu_user_seconds_total');
    metrics.close();
    expect(() => createMetrics({ registry, defaultMetrics: true })).not.toThrow();
    expect(await createMetrics().render()).not.toContain('process_cpu');
  });

  test('two in one process share no series', async () => {
    const [one, two] = [createMetrics({ cacheMs: 0 }), createMetrics({ cacheMs: 0 })];
    const untouched = observeAll(two);
    runScript(observeAll(one));
    const key = 'mcp_semaphore_grants_total{provider="none",semaphore_type="global"}';
    expect(parseExposition(await one.render()).get(key)).toBe(7);
    expect(parseExposition(await two.render()).get(key)).toBe(0);
    expect(untouched.semaphore.reads).toBeGreaterThan(0);
  });

  test('errors are recognised across copies of the package', () => {
    expect(MetricsError.is(new MetricsError('CLOSED', 'x'))).toBe(true);
    expect(MetricsError.is(Object.assign(new Error('x'), { name: 'MetricsError', code: 'CLOSED' }))).toBe(true);
    expect(MetricsError.is(new Error('x'))).toBe(false);
  });
});

describe('render', () => {
  test('reuses its text for a second, and shares one rendering between concurrent scrapes', async () => {
    let now = 0;
    const registry = new Registry();
    let renders = 0;
    const count = registry.metrics.bind(registry);
    registry.metrics = async () => {
      renders += 1;
      return count();
    };
    const metrics = createMetrics({ registry, now: () => now });
    const [one, two] = await Promise.all([metrics.render(), metrics.render()]);
    expect(one).toBe(two);
    now = 999;
    await metrics.render();
    expect(renders).toBe(1);
    now = 1000;
    await metrics.render();
    expect(renders).toBe(2);
  });

  test('a rendering that failed is not reused', async () => {
    const registry = new Registry();
    const metrics = createMetrics({ registry, now: () => 0 });
    const render = registry.metrics.bind(registry);
    registry.metrics = async () => {
      throw new Error('once');
    };
    await expect(metrics.render()).rejects.toThrow('once');
    registry.metrics = render;
    await expect(metrics.render()).resolves.toContain('mcp_build_info');
  });

  test('a component that throws costs its own series, not the scrape', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    const { server } = observeAll(metrics);
    server.stats = () => {
      throw new Error('gone');
    };
    const samples = parseExposition(await metrics.render());
    expect(samples.has('mcp_sessions{}')).toBe(false);
    expect(samples.get('mcp_semaphore_in_use{provider="none",semaphore_type="global"}')).toBe(0);
    expect(samples.get('mcp_metrics_source_errors_total{component="server"}')).toBe(1);
  });

  test('values that are not finite or negative are dropped and counted, never thrown at a listener or a scrape', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    const { provider, semaphore } = observeAll(metrics);
    provider.emit('finished', { model: 'glm-4.6', durationMs: -1, usage: { inputTokens: NaN }, cost: Infinity });
    semaphore.global.granted = NaN;
    const samples = parseExposition(await metrics.render());
    expect([...samples.values()].every((value) => Number.isFinite(value))).toBe(true);
    for (const family of [
      'mcp_provider_request_duration_seconds',
      'mcp_provider_tokens_total',
      'mcp_provider_cost_usd_total',
      'mcp_semaphore_grants_total',
    ])
      expect(samples.get(`mcp_metrics_invalid_values_total{family="${family}"}`)).toBe(1);
  });

  test('the content type is the one of the registry', () => {
    expect(createMetrics().contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  test('an OpenMetrics registry renders counters under their own names', async () => {
    const registry = new Registry<'application/openmetrics-text; version=1.0.0; charset=utf-8'>();
    registry.setContentType('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const metrics = createMetrics({ registry, cacheMs: 0 });
    observeAll(metrics);
    await metrics.render();
    const text = await metrics.render();
    expect(text).toContain('# TYPE mcp_errors counter');
    expect(text).toContain('mcp_errors_total{code="INTERNAL"} 0');
    expect(text).toMatch(/# EOF\n$/);
  });
});

describe('components', () => {
  test.each([
    ['semaphore', (m) => m.observeSemaphore({} as never)],
    ['semaphore without tiers', (m) => m.observeSemaphore({ stats: () => ({}), on: () => () => {} } as never)],
    ['provider', (m) => m.observeProvider({} as never, { provider: 'glm' })],
    ['engine', (m) => m.observeEngine(null as never)],
    ['server', (m) => m.observeServer({ on() {} } as never)],
  ] as const satisfies readonly (readonly [string, (m: ReturnType<typeof createMetrics>) => void])[])(
    'a %s of another shape is refused when it is handed over',
    (_name, observe) => {
      expect(() => observe(createMetrics())).toThrow(code('INVALID_COMPONENT'));
    },
  );

  test('a semaphore that counts waits by other bounds is refused', () => {
    const semaphore = new FakeSemaphore();
    semaphore.global.wait = { ...semaphore.global.wait, boundsMs: [1, 2] };
    expect(() => createMetrics().observeSemaphore(semaphore)).toThrow(/other bounds/);
  });

  test('a provider without a name is refused', () => {
    expect(() => createMetrics().observeProvider({ on: () => () => {} })).toThrow(code('INVALID_LABEL'));
  });

  test('a semaphore whose label sets a helper wrote before is refused, and nothing of it stays', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    metrics.updateConcurrentRequests('glm', 1);
    const semaphore = new FakeSemaphore();
    expect(() => metrics.observeSemaphore(semaphore)).toThrow(code('ALREADY_OBSERVED'));
    expect(semaphore.names).toEqual([]);
    expect(
      parseExposition(await metrics.render()).has('mcp_semaphore_in_use{provider="none",semaphore_type="global"}'),
    ).toBe(false);
  });

  test('stopping an observation ends its gauges and keeps its counters', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    const server = new FakeServer();
    const stop = metrics.observeServer(server);
    server.emit('draining', {});
    stop();
    stop();
    server.emit('draining', {});
    const samples = parseExposition(await metrics.render());
    expect(server.names).toEqual([]);
    expect(samples.get('mcp_drains_total{}')).toBe(1);
    expect(samples.has('mcp_sessions{}')).toBe(false);
    expect(() => metrics.observeServer(server)).not.toThrow();
  });
});
