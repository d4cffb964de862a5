import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';

import { createGenAiMetrics } from '../src/genai/index.ts';
import { createMetrics } from '../src/index.ts';
import { parseExposition } from './exposition.ts';
import { FakeEvents } from './fake-semaphore.ts';
import { hasPrograms, run } from './services.ts';

function observed(options: Parameters<typeof createGenAiMetrics>[0] = {}) {
  const metrics = createGenAiMetrics(options);
  const provider = new FakeEvents();
  metrics.observeProvider(provider, { provider: 'kimi' });
  const text = async () => metrics.registry.metrics();
  return { metrics, provider, text, read: async () => parseExposition(await text()) };
}

function speak(provider: FakeEvents): void {
  const model = 'kimi-k2.6';
  provider.emit('firstToken', { model, firstTokenMs: 700 });
  provider.emit('finished', {
    model,
    durationMs: 100_000,
    usage: { inputTokens: 300, outputTokens: 50, reasoningTokens: 20, cachedTokens: 200 },
  });
  provider.emit('failed', { model, durationMs: 3000, code: 'OVERLOADED' });
}

const CALL = 'gen_ai_operation_name="chat",gen_ai_provider_name="moonshot_ai",gen_ai_request_model="kimi-k2.6"';

describe('the OpenTelemetry GenAI bundle', () => {
  test('exports nothing unless it is created', async () => {
    expect(await createMetrics().render()).not.toContain('gen_ai');
  });

  test('1.41 has operation names and a token histogram', async () => {
    const { provider, read } = observed();
    speak(provider);
    const samples = await read();
    expect(samples.get(`gen_ai_client_operation_duration_seconds_bucket{error_type="",${CALL},le="163.84"}`)).toBe(1);
    expect(samples.get(`gen_ai_client_operation_duration_seconds_count{error_type="OVERLOADED",${CALL}}`)).toBe(1);
    expect(samples.get(`gen_ai_client_operation_time_to_first_chunk_seconds_sum{${CALL}}`)).toBe(0.7);
    expect(samples.get(`gen_ai_client_token_usage_sum{${CALL},gen_ai_token_type="input"}`)).toBe(300);
    expect(samples.get(`gen_ai_client_token_usage_bucket{${CALL},gen_ai_token_type="output",le="64"}`)).toBe(1);
  });

  test('inference-2026 has inference names and token counters', async () => {
    const { provider, read } = observed({ semconv: 'inference-2026' });
    speak(provider);
    const samples = await read();
    expect(samples.get(`gen_ai_client_inference_duration_seconds_sum{error_type="",${CALL}}`)).toBe(100);
    expect(samples.get(`gen_ai_client_inference_time_to_first_chunk_seconds_count{${CALL}}`)).toBe(1);
    for (const [kind, tokens] of [
      ['input', 300],
      ['output', 50],
      ['cache_read_input', 200],
      ['reasoning_output', 20],
    ] as const)
      expect(samples.get(`gen_ai_client_inference_usage_${kind}_tokens_total{${CALL}}`)).toBe(tokens);
    expect([...samples.keys()].some((key) => key.startsWith('gen_ai_client_token_usage'))).toBe(false);
  });

  test('provider names can be set, unknown models fold into other and are counted', async () => {
    const metrics = createGenAiMetrics({ semconv: 'inference-2026', providerNames: { glm: 'zhipu_ai' } });
    const provider = new FakeEvents();
    metrics.observeProvider(provider, { provider: 'glm' });
    provider.emit('finished', { model: 'made-up', durationMs: NaN, usage: { inputTokens: 1 } });
    const samples = parseExposition(await metrics.registry.metrics());
    const labels = 'gen_ai_operation_name="chat",gen_ai_provider_name="zhipu_ai",gen_ai_request_model="other"';
    const family = 'gen_ai_client_inference_usage_input_tokens_total';
    expect(samples.get(`${family}{${labels}}`)).toBe(1);
    expect(samples.get(`gen_ai_metrics_label_overflow_total{family="${family}"}`)).toBe(1);
    expect(samples.get('gen_ai_metrics_invalid_values_total{family="gen_ai_client_inference_duration_seconds"}')).toBe(
      1,
    );
  });

  test('shares a registry with our own families, refuses a second bundle on it and gives its names back', async () => {
    const registry = new Registry();
    createMetrics({ registry });
    const own = registry.getMetricsAsArray().length;
    const { metrics, provider } = observed({ registry });
    expect(() => createGenAiMetrics({ registry })).toThrow(expect.objectContaining({ code: 'NAME_TAKEN' }));
    metrics.close();
    expect(registry.getMetricsAsArray()).toHaveLength(own);
    expect(provider.names).toEqual([]);
  });

  test('refuses an unknown version, and a provider without a name', () => {
    expect(() => createGenAiMetrics({ semconv: '2.0' as '1.41' })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    expect(() => createGenAiMetrics().observeProvider(new FakeEvents())).toThrow(
      expect.objectContaining({ code: 'INVALID_LABEL' }),
    );
  });

  test.skipIf(!hasPrograms('the check of the GenAI families', ['promtool'])).each(['1.41', 'inference-2026'] as const)(
    'promtool check metrics accepts %s',
    async (semconv) => {
      const { provider, text } = observed({ semconv });
      speak(provider);
      expect(run('promtool', ['check', 'metrics'], { input: await text() })).toEqual({ code: 0, output: '' });
    },
  );
});
