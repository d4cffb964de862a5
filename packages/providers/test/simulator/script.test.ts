import { afterEach, describe, expect, it } from 'vitest';

import { createSimulator, type Simulator, WIRE_SHAPES } from '../../src/simulator/index.ts';

const open: Simulator[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((simulator) => simulator.close()));
});

async function start(): Promise<Simulator> {
  const simulator = await createSimulator({ latency: 'instant' });
  open.push(simulator);
  return simulator;
}

function chat(simulator: Simulator, provider: 'glm' | 'kimi', signal?: AbortSignal): Promise<Response> {
  return fetch(`${simulator[provider].baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer test-key' },
    body: JSON.stringify({
      model: provider === 'glm' ? 'glm-4.6' : 'kimi-k2.6',
      stream: true,
      messages: [{ role: 'user', content: 'Hello' }],
    }),
    ...(signal === undefined ? {} : { signal }),
  });
}

const HANGS = [
  'header-hang',
  'silence-after-headers',
  'keep-alive-hang',
  'role-only-hang',
  'hang-mid-text',
  'keep-alive-mid-reasoning',
];

/** Reads until the response ends, breaks, or has hung for 60 ms where it is expected to hang. */
async function read(
  simulator: Simulator,
  provider: 'glm' | 'kimi',
  hangs: boolean,
): Promise<{ status: number; body: Buffer; end: string }> {
  const controller = new AbortController();
  const parts: Uint8Array[] = [];
  let status = 0;
  const timer = hangs ? setTimeout(() => controller.abort(), 60) : undefined;
  try {
    const response = await chat(simulator, provider, controller.signal);
    status = response.status;
    for await (const part of response.body ?? []) parts.push(part);
    return { status, body: Buffer.concat(parts), end: 'end' };
  } catch {
    return { status, body: Buffer.concat(parts), end: controller.signal.aborted ? 'hang' : 'cut' };
  } finally {
    clearTimeout(timer);
  }
}

describe('wire shapes', () => {
  const large = new Set(['big-event', 'many-deltas']);
  const names = WIRE_SHAPES.filter((name) => !large.has(name));

  it.each(['glm', 'kimi'] as const)('plays every shape that %s has and ends it as the shape says', async (provider) => {
    const simulator = await start();
    const ends: Record<string, string[]> = {};
    for (const name of names) {
      try {
        simulator.script(provider, name);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        expect(name).toMatch(/^error:/);
        continue;
      }
      const { status, body, end } = await read(simulator, provider, HANGS.includes(name));
      (ends[end] ??= []).push(name);
      if (name.startsWith('error:')) expect(status, name).toBeGreaterThanOrEqual(400);
      else if (end === 'end') expect(body.length, name).toBeGreaterThan(20);
    }
    expect(ends['cut']).toEqual(['cut-mid-text']);
    expect(ends['hang']).toEqual(HANGS);
  });

  it('plays a custom transcript the number of times asked, then answers again', async () => {
    const simulator = await start();
    simulator.script(
      'kimi',
      { status: 418, headers: { 'retry-after': '7' }, parts: ['short and stout'] },
      { times: 2 },
    );
    for (const status of [418, 418, 200]) {
      const response = await chat(simulator, 'kimi');
      expect(response.status).toBe(status);
      if (status === 418)
        expect([response.headers.get('retry-after'), await response.text()]).toEqual(['7', 'short and stout']);
      else await response.text();
    }
    expect(simulator.log.calls.map((call) => call.fault)).toEqual(['transcript', 'transcript', undefined]);
  });

  it('refuses a shape that the provider does not have', async () => {
    const simulator = await start();
    expect(() => simulator.script('kimi', 'error:1113')).toThrow('kimi has no wire shape "error:1113"');
    expect(() => simulator.script('glm', 'nonsense' as never)).toThrow(RangeError);
  });
});
