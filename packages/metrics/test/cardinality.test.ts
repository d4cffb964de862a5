import { fc, test as propertyTest } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';

import { createMetrics } from '../src/index.ts';
import { parseExposition } from './exposition.ts';
import { tier } from './fake-semaphore.ts';
import { observeAll } from './scripted-run.ts';

const overflow = (samples: Map<string, number>, family: string) =>
  samples.get(`mcp_metrics_label_overflow_total{family="${family}"}`) ?? 0;

describe('the cardinality guard', () => {
  propertyTest.prop([fc.array(fc.string(), { minLength: 1, maxLength: 50 })], { numRuns: 50 })(
    'made-up models, tools, codes, phases and reasons never become label values',
    async (names) => {
      const metrics = createMetrics({ cacheMs: 0 });
      const { provider, server, engine } = observeAll(metrics);
      for (const name of names) {
        const odd = `odd-${name}`;
        provider.emit('attempt', { model: odd });
        provider.emit('failed', { model: odd, code: odd, phase: odd, source: odd });
        provider.emit('retried', { code: odd });
        provider.emit('stalled', { phase: odd });
        provider.emit('breakerChanged', { model: odd, state: odd });
        server.emit('finished', { transport: odd, tool: odd, code: odd, durationMs: 1 });
        server.emit('sessionEnded', { reason: odd });
        server.emit('closed', { code: odd });
        server.emit('shed', { code: odd });
        engine.emit('run.started', { runId: odd, workflow: odd });
        engine.emit('claim', { runId: odd, p: 0.5 });
        engine.emit('verdict', { runId: odd, ok: true });
      }
      const text = await metrics.render();
      expect(text).not.toContain('odd-');
      const samples = parseExposition(text);
      expect(overflow(samples, 'mcp_provider_attempts_total')).toBe(names.length);
      expect(samples.get('mcp_provider_attempts_total{model="other",provider="glm"}')).toBe(names.length);
    },
  );

  test('ten thousand random models and session names leave the registry as it was', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    const { provider, server, engine } = observeAll(metrics);
    const flood = (from: number, to: number) => {
      for (let index = from; index < to; index += 1) {
        provider.emit('finished', { model: `m${index}`, durationMs: 5, usage: { inputTokens: 1 } });
        server.emit('finished', { transport: 'ws', tool: `t${index}`, session: `s${index}`, durationMs: 5 });
        engine.emit('run.started', { runId: `r${index}`, workflow: `w${index}` });
      }
    };
    flood(0, 10);
    const before = parseExposition(await metrics.render()).size;
    flood(10, 10_000);
    expect(parseExposition(await metrics.render()).size).toBe(before);
  });

  test('a provider name beyond the sixteenth folds into other, its counts included', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    const { semaphore } = observeAll(metrics);
    for (let index = 0; index < 40; index += 1)
      semaphore.providers[`p${index}`] = { ...tier('provider', `p${index}`, 1), held: 1 };
    const samples = parseExposition(await metrics.render());
    const named = [...samples].filter(([key]) => key.startsWith('mcp_concurrent_requests{'));
    expect(named).toHaveLength(17);
    expect(samples.get('mcp_concurrent_requests{provider="other"}')).toBe(40 - 14);
    expect(overflow(samples, 'mcp_concurrent_requests')).toBe(1);
  });

  test('a family stops at its limit even when every single value is allowed', async () => {
    const models = Array.from({ length: 500 }, (_, index) => `allowed-${index}`);
    const metrics = createMetrics({ cacheMs: 0, models });
    const { provider } = observeAll(metrics);
    for (const model of models) provider.emit('attempt', { model });
    const samples = parseExposition(await metrics.render());
    expect(
      [...samples.keys()].filter((key) => key.startsWith('mcp_provider_attempts_total')).length,
    ).toBeLessThanOrEqual(201);
    expect(samples.get('mcp_provider_attempts_total{model="other",provider="glm"}')).toBe(300);
    expect(overflow(samples, 'mcp_provider_attempts_total')).toBe(300);
  });

  test('allow-listed models and tools are exported by name, close codes of applications as one', async () => {
    const metrics = createMetrics({ cacheMs: 0, models: ['glm-99'], tools: ['summarise'] });
    const { provider, server } = observeAll(metrics);
    provider.emit('attempt', { model: 'glm-99' });
    server.emit('finished', { transport: 'ws', tool: 'summarise', durationMs: 1 });
    server.emit('closed', { code: 4401 });
    const samples = parseExposition(await metrics.render());
    expect(samples.get('mcp_provider_attempts_total{model="glm-99",provider="glm"}')).toBe(1);
    expect(samples.get('mcp_requests_total{outcome="ok",tool="summarise",transport="ws"}')).toBe(1);
    expect(samples.get('mcp_ws_closes_total{code="4xxx"}')).toBe(1);
  });
});
