import { GLM_MODELS, KIMI_MODELS } from '@exai/providers';
import { TieredSemaphore } from '@exai/semaphore';
import { createServer } from '@exai/server';
import { CloseCode, ErrorCode } from '@exai/server/protocol';
import { builtInWorkflows } from '@exai/workflow';
import { describe, expect, test } from 'vitest';

import { createMetrics } from '../../src/index.ts';
import { LabelGuard } from '../../src/label-guard.ts';
import { ACQUIRE_CODES, DEFAULT_MODELS, DEFAULT_TOOLS, WIRE_CODES } from '../../src/vocabularies.ts';
import { parseExposition } from '../exposition.ts';

describe('the closed sets know what the other packages say', () => {
  test('every model of the catalogues is a label value', () => {
    expect(DEFAULT_MODELS).toEqual(expect.arrayContaining([...Object.keys(GLM_MODELS), ...Object.keys(KIMI_MODELS)]));
  });

  test('every built-in tool is a label value', () => {
    expect(DEFAULT_TOOLS).toEqual(expect.arrayContaining(Object.keys(builtInWorkflows)));
  });

  test('every code of the wire and of the semaphore is a label value', () => {
    expect(WIRE_CODES.toSorted()).toEqual(ErrorCode.options.toSorted());
    const semaphore = new TieredSemaphore({ global: 1, session: 1, providers: {} });
    expect(ACQUIRE_CODES).toEqual(expect.arrayContaining(Object.keys(semaphore.stats().global.rejected)));
    void semaphore.close();
  });

  test('every close code of the server is a label value, its own ones as 4xxx', () => {
    const guard = new LabelGuard({ models: [], tools: [] });
    for (const code of Object.values(CloseCode))
      expect(guard.admit('closeCode', String(code))).toBe(code >= 4000 ? '4xxx' : String(code));
  });
});

describe('with the real semaphore', () => {
  const GLM = 'provider="glm",semaphore_type="provider"';

  test('all seven families follow it, and the counters of an ended session stay', async () => {
    const semaphore = new TieredSemaphore({ global: 3, session: 2, providers: { glm: 1 }, maxWaiting: 1 });
    const metrics = createMetrics({ cacheMs: 0 });
    metrics.observeSemaphore(semaphore);
    const read = async () => parseExposition(await metrics.render());
    const held = await semaphore.acquire({ provider: 'glm', session: 'a' });
    const waiting = semaphore.acquire({ provider: 'glm', session: 'b' });
    await expect(semaphore.acquire({ provider: 'glm', session: 'c' })).rejects.toMatchObject({ code: 'OVER_CAPACITY' });
    const busy = await read();
    expect(busy.get(`mcp_semaphore_current_value{${GLM}}`)).toBe(0);
    expect(busy.get(`mcp_semaphore_expected_value{${GLM}}`)).toBe(0);
    expect(busy.get('mcp_concurrent_requests{provider="glm"}')).toBe(1);
    expect(busy.get(`mcp_semaphore_queue_depth{${GLM}}`)).toBe(1);
    const refused = [...busy].filter(
      ([key]) => key.includes('acquisition_failures_total') && key.includes('"OVER_CAPACITY"'),
    );
    expect(refused.reduce((sum, [, value]) => sum + value, 0)).toBe(1);
    held.release();
    (await waiting).release();
    const grants = 'mcp_semaphore_grants_total{provider="none",semaphore_type="session"}';
    expect((await read()).get(grants)).toBe(2);
    await semaphore.endSession('a');
    await semaphore.endSession('b');
    const after = await read();
    expect(after.get(grants)).toBe(2);
    expect(after.get('mcp_semaphore_wait_seconds_count{semaphore_type="provider"}')).toBe(2);
    expect(after.get(`mcp_semaphore_current_value{${GLM}}`)).toBe(1);
    await semaphore.close();
  });

  test('a dropped permit counts once in each tier, and its recovery too', async () => {
    const semaphore = new TieredSemaphore({
      global: 3,
      session: 2,
      providers: { glm: 2 },
      graceMs: 0,
      quarantineMs: 0,
      healthCheckMs: 50,
    });
    const metrics = createMetrics({ cacheMs: 0 });
    metrics.observeSemaphore(semaphore);
    await (async () => void (await semaphore.acquire({ provider: 'glm', session: 'careless' })))();
    await expect
      .poll(
        () => {
          globalThis.gc?.();
          return semaphore.stats().global.recovered;
        },
        { timeout: 10_000 },
      )
      .toBe(1);
    const samples = parseExposition(await metrics.render());
    for (const type of ['global', 'provider', 'session']) {
      expect(samples.get(`mcp_semaphore_leaks_detected_total{semaphore_type="${type}"}`)).toBe(1);
      expect(samples.get(`mcp_semaphore_permits_recovered_total{semaphore_type="${type}"}`)).toBe(1);
    }
    expect(samples.get('mcp_semaphore_recoveries_total{semaphore_type="global",status="success"}')).toBe(1);
    await semaphore.close();
  });
});

describe('two servers in one process', () => {
  test('register nothing twice and share no series', async () => {
    const [one, two] = [
      await createServer({ port: 0, store: 'memory' }),
      await createServer({ port: 0, store: 'memory' }),
    ];
    one.service.run({
      transport: 'ws',
      principal: 'p',
      session: 's',
      tool: 'no-such-tool',
      arguments: {},
      onEvent: () => undefined,
    });
    const key = 'mcp_errors_total{code="UNKNOWN_TOOL"}';
    expect(parseExposition(await one.metrics.render()).get(key)).toBe(1);
    expect(parseExposition(await two.metrics.render()).get(key)).toBe(0);
    await Promise.all([one.close({ graceMs: 0 }), two.close({ graceMs: 0 })]);
  });
});
