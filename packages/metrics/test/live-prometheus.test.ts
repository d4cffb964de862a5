import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createMetrics } from '../src/index.ts';
import { dashboardQueries } from './dashboard-queries.ts';
import { type PrometheusStack, startStack, until } from './prometheus-stack.ts';
import { type Components, observeAll, runScript } from './scripted-run.ts';
import { hasPrograms } from './services.ts';

describe.skipIf(!hasPrograms('the run with a live Prometheus', ['prometheus', 'prometheus-alertmanager']))(
  'with a live Prometheus and Alertmanager',
  () => {
    let endpoint: Server;
    let stack: PrometheusStack;
    let components: Components;
    let traffic: ReturnType<typeof setInterval>;

    beforeAll(async () => {
      const metrics = createMetrics({ cacheMs: 0, version: '0.0.0' });
      components = observeAll(metrics);
      endpoint = createServer((_request, response) => {
        void metrics.render().then((text) => response.setHeader('content-type', metrics.contentType).end(text));
      }).listen(0, '127.0.0.1');
      await once(endpoint, 'listening');
      stack = await startStack(`127.0.0.1:${(endpoint.address() as AddressInfo).port}`);
      traffic = setInterval(() => keepBusy(components), 200);
    });

    afterAll(async () => {
      clearInterval(traffic);
      await stack.close();
      endpoint.close();
    });

    test('every dashboard query returns values that are numbers', async () => {
      await until('the target is up', async () => (await stack.query('up{job="exai"} == 1')).length === 1);
      const queries = dashboardQueries('10s');
      await until('rates have two samples', async () => (await stack.query(queries.at(-4)?.[1] ?? '')).length > 0);
      const problems = async () => {
        const results = await Promise.all(
          queries.map(async ([name, expr]) => ({ name, expr, values: await stack.query(expr) })),
        );
        return results.filter(({ values }) => values.length === 0 || values.some(({ value }) => Number.isNaN(value)));
      };
      await until('no query is empty or NaN', async () => (await problems()).length === 0).catch(() => undefined);
      expect(await problems()).toEqual([]);
      expect(queries.length).toBeGreaterThan(80);
    }, 120_000);

    test('a leak fires, Alertmanager posts it, and recovery resolves it', async () => {
      expect(await stack.firing()).not.toContain('ExaiPermitsLeaked');
      components.semaphore.global.leaked = 1;
      await until('the alert fires', async () => (await stack.firing()).includes('ExaiPermitsLeaked'));
      const received = (status: string) =>
        stack.posted.find((alert) => alert.status === status && alert.labels['alertname'] === 'ExaiPermitsLeaked');
      await until('Alertmanager posts it', () => received('firing') !== undefined);
      expect(received('firing')).toMatchObject({
        labels: { severity: 'critical', job: 'exai', semaphore_type: 'global' },
        annotations: {
          summary: 'Permits are leaked or lost and not reclaimed',
          runbook: 'docs/runbooks/exai-permits-leaked.md',
        },
      });
      components.semaphore.global.leaked = 0;
      await until('Alertmanager posts the end', () => received('resolved') !== undefined);
      expect(await stack.firing()).not.toContain('ExaiPermitsLeaked');
    }, 120_000);
  },
);

/** One round of everything, and a wait that grows, so that every rate and quantile has something to show. */
function keepBusy(components: Components): void {
  const { semaphore } = components;
  const leaked = semaphore.global.leaked;
  const { wait, granted } = semaphore.global;
  runScript(components);
  for (const tier of [semaphore.global, semaphore.session, ...Object.values(semaphore.providers)]) {
    tier.leaked = 0;
    tier.granted = granted + 1;
    tier.wait = {
      ...wait,
      counts: wait.counts.map((count, index) => (index === 10 ? count + 1 : count)),
      sumMs: wait.sumMs + 7_000,
      count: wait.count + 1,
    };
  }
  semaphore.global.leaked = leaked;
}
