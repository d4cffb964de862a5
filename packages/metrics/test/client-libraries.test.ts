import { Registry as NewRegistry } from '@prometheus-io/client';
import { Registry as OldRegistry } from 'prom-client';
import { describe, expect, test } from 'vitest';

import { createMetrics } from '../src/index.ts';
import { parseExposition } from './exposition.ts';
import { observeAll, runScript } from './scripted-run.ts';

/** Everything but what differs from run to run. */
const stable = (text: string) =>
  [...parseExposition(text)].filter(([key]) => !key.startsWith('mcp_event_loop_lag_seconds'));

describe('a registry is taken by shape', () => {
  test('prom-client 15 and @prometheus-io/client export the same samples', async () => {
    const texts = await Promise.all(
      [new OldRegistry(), new NewRegistry()].map(async (registry) => {
        const metrics = createMetrics({ registry, cacheMs: 0 });
        runScript(observeAll(metrics));
        return metrics.render();
      }),
    );
    expect(stable(texts[0] ?? '').length).toBeGreaterThan(300);
    expect(stable(texts[1] ?? '')).toEqual(stable(texts[0] ?? ''));
  });

  test('@prometheus-io/client is idempotent, refuses foreign names and gives its names back', async () => {
    const registry = new NewRegistry();
    const metrics = createMetrics({ registry });
    expect(createMetrics({ registry })).toBe(metrics);
    metrics.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  test('the default registry answers getMetricsAsJSON() and resetMetrics() as others expect', async () => {
    const registry = new OldRegistry();
    const metrics = createMetrics({ registry, cacheMs: 0 });
    runScript(observeAll(metrics));
    const json = await registry.getMetricsAsJSON();
    expect(json.find(({ name }) => name === 'mcp_drains_total')).toMatchObject({
      type: 'counter',
      values: [{ value: 1, labels: {} }],
    });
    registry.resetMetrics();
    expect(parseExposition(await metrics.render()).has('mcp_drains_total{}')).toBe(false);
  });
});
