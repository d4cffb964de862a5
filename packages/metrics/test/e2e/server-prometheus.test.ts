import { createServer, type ExaiServer } from '@exai/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { dashboardQueries } from '../dashboard-queries.ts';
import { type PrometheusStack, startStack, until } from '../prometheus-stack.ts';
import { hasPrograms } from '../services.ts';
import { startTraffic } from './server-traffic.ts';

const WINDOW = '15s';
/** A reclaimed permit stays in quarantine for 60 s of simulated time, because the call under it may still run: here 9 s. */
const TIME_SCALE = 0.15;

describe.skipIf(!hasPrograms('the run with the server and Prometheus', ['prometheus', 'prometheus-alertmanager']))(
  'the reference server with a simulator, scraped by a live Prometheus',
  () => {
    let server: ExaiServer;
    let stack: PrometheusStack;
    let stopTraffic: () => Promise<void>;

    beforeAll(async () => {
      server = await createServer({
        port: 0,
        store: 'memory',
        simTimeScale: TIME_SCALE,
        healthCheckMs: 300,
        connectsPerSecond: 1000,
      });
      await server.listen();
      stack = await startStack(new URL(server.url).host);
      stopTraffic = startTraffic(server, 150);
    });

    afterAll(async () => {
      await stopTraffic();
      await stack.close();
      await server.close({ graceMs: 0 });
    });

    const received = (status: string, alertname: string) =>
      stack.posted.find((alert) => alert.status === status && alert.labels['alertname'] === alertname);

    test('a dropped permit is proven, fires, is posted; meanwhile every dashboard query has values; recovery resolves it', async () => {
      await until('the target is up', async () => (await stack.query('up{job="exai"} == 1')).length === 1);
      await until(
        'the counter was scraped at 0',
        async () =>
          (await stack.query('mcp_semaphore_leaks_detected_total{semaphore_type="global"} == 0')).length === 1,
      );
      expect(await stack.firing()).not.toContain('ExaiPermitsLeaked');

      await dropPermit(server);
      await until('the leak is proven', () => {
        globalThis.gc?.();
        return server.semaphore.stats().global.leaksDetected === 1;
      });
      await until('Alertmanager posts the leak', () => received('firing', 'ExaiPermitsLeaked') !== undefined);
      await until('Alertmanager posts the warning', () => received('firing', 'ExaiLeakDetected') !== undefined);
      expect(received('firing', 'ExaiPermitsLeaked')?.labels).toMatchObject({ severity: 'critical', job: 'exai' });

      const queries = dashboardQueries(WINDOW);
      const problems = async () => {
        const results = await Promise.all(
          queries.map(async ([name, expr]) => ({ name, expr, values: await stack.query(expr) })),
        );
        return results.filter(({ values }) => values.length === 0 || values.some(({ value }) => Number.isNaN(value)));
      };
      await until('no query is empty or NaN', async () => (await problems()).length === 0).catch(() => undefined);
      expect(await problems()).toEqual([]);

      await until('recovery resolves it', () => received('resolved', 'ExaiPermitsLeaked') !== undefined);
      expect(server.semaphore.stats().global.leaked).toBe(0);
      expect(
        await stack.query('mcp_semaphore_recoveries_total{semaphore_type="global",status="success"} > 0'),
      ).toHaveLength(1);
    }, 180_000);
  },
);

async function dropPermit(server: ExaiServer): Promise<void> {
  await server.semaphore.acquire({ provider: 'kimi', session: 'careless', label: 'dropped on purpose' });
}
