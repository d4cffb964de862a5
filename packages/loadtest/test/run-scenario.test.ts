import { afterEach, describe, expect, test } from 'vitest';

import { builtInScenario, createStubServer, runScenario, scaleScenario, withDuration, ws } from '../src/index.ts';
import type { StubOptions, StubServer } from '../src/index.ts';

let stub: StubServer | undefined;
const start = async (options: StubOptions = {}): Promise<StubServer> => (stub = await createStubServer(options));
afterEach(async () => {
  await stub?.close();
  stub = undefined;
});

const quick = (name: string) => withDuration(scaleScenario(builtInScenario(name), 0.001), 800);

describe('runScenario against the stub', () => {
  test('a baseline ends with every call answered, in the exact proportions of the mix', async () => {
    const { url } = await start();
    const result = await runScenario(
      { ...quick('baseline'), durationMs: 60_000, maxCalls: 100 },
      { driver: ws({ url }), maxStallMs: 5000 },
    );
    expect(result.verdict).toEqual({ exit: 0, status: 'passed', reasons: [] });
    expect(result.totals.outcomes.ok).toBe(100);
    expect(Object.fromEntries(result.byTool.map(({ name, calls }) => [name, calls]))).toEqual({
      chat: 40,
      debug: 20,
      thinkdeep: 15,
      analyze: 15,
      codereview: 10,
    });
    expect(Object.fromEntries(result.byProvider.map(({ name, calls }) => [name, calls]))).toEqual({
      glm: 40,
      kimi: 60,
    });
    expect(result.wire.framesReceived).toBeGreaterThan(300);
  });

  test('the permits of the stub are never exceeded and all back at the end', async () => {
    const { url, permits } = await start();
    await runScenario(quick('stress'), { driver: ws({ url }), maxStallMs: 5000 });
    expect(permits.peak).toBeLessThanOrEqual(5);
    expect(permits.global.held).toBe(0);
  });
});
