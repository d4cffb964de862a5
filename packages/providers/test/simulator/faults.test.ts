import { describe, expect, it } from 'vitest';

import { chat, errorOf, events, PROVIDERS, startSimulator } from './start-simulator.ts';

const post = (url: string, body: object): Promise<Response> =>
  fetch(url, { method: 'POST', body: JSON.stringify(body) });

describe.each(PROVIDERS)('faults of %s', (provider) => {
  it('make all calls fail with an overload or an error of the provider, or inside the stream', async () => {
    const simulator = await startSimulator({ faults: { errorShare: 1 } });
    const seen = new Set<string>();
    for (let i = 0; i < 30; i += 1) {
      const response = await chat(simulator, provider, { body: { stream: true } });
      if (response.status === 200) {
        const last = (await events(response)).at(-1);
        seen.add(`stream ${last.error.code ?? last.error.type}`);
      } else seen.add((await errorOf(response)).name);
    }
    const expected =
      provider === 'glm'
        ? ['1234', '1305', 'stream 1305']
        : ['engine_overloaded_error', 'server_error', 'stream engine_overloaded_error'];
    expect([...seen].toSorted()).toEqual(expected);
    expect(simulator.log.summary()).toMatchObject({ calls: 30, failed: 30, answered: 0 });
  });

  it('cut connections', async () => {
    const simulator = await startSimulator({ faults: { cutShare: 1 } });
    await expect(
      chat(simulator, provider, { body: { stream: true } }).then((response) => response.text()),
    ).rejects.toThrow();
    await expect.poll(() => simulator.log.calls[0]).toMatchObject({ outcome: 'failed', fault: 'cut' });
  });

  it.each([
    [0, 'hang'],
    [1, 'keep-alive-hang'],
  ])('hang until the client gives up, with keep-alives for a share of %d', async (keepAliveShare, fault) => {
    const simulator = await startSimulator({ timeScale: 0.001, faults: { hangShare: 1, keepAliveShare } });
    const client = new AbortController();
    const response = await chat(simulator, provider, {
      body: { stream: true, simulate: { serviceMs: 5 } },
      signal: client.signal,
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    const reading = (async () => {
      for (let part = await reader.read(); !part.done; part = await reader.read())
        text += Buffer.from(part.value).toString();
    })();
    reading.catch(() => undefined);
    if (fault === 'keep-alive-hang') await expect.poll(() => text).toContain(': keep-alive');
    else await new Promise((resolve) => setTimeout(resolve, 30));
    expect(text).not.toContain('[DONE]');
    expect(simulator.log.inFlight[provider]).toBe(1);
    client.abort();
    await expect(reading).rejects.toThrow();
    await expect.poll(() => simulator.log.cancelsSeen).toBe(1);
    expect(simulator.log.calls[0]).toMatchObject({ outcome: 'cancelled', fault });
  });

  it('slow calls down, also those that ask for a service time', async () => {
    const simulator = await startSimulator({ faults: { slowdown: 6 } });
    const from = performance.now();
    await (await chat(simulator, provider, { body: { simulate: { serviceMs: 20 } } })).text();
    expect(performance.now() - from).toBeGreaterThan(115);
  });
});

describe('fault switches', () => {
  it('hit equal calls of equal seeds', async () => {
    const run = async (): Promise<(string | undefined)[]> => {
      const simulator = await startSimulator({ seed: 11, faults: { errorShare: 0.4 } });
      for (let i = 0; i < 12; i += 1) await (await chat(simulator, 'glm')).text();
      return simulator.log.calls.map(({ outcome }) => outcome);
    };
    const first = await run();
    expect(first).toEqual(await run());
    expect(new Set(first)).toEqual(new Set(['answered', 'failed']));
  });

  it('change while it runs, for one provider or both, in code and over HTTP', async () => {
    const simulator = await startSimulator();
    const url = `${simulator.url}/__simulator/faults`;
    simulator.faults.set({ errorShare: 1 }, 'kimi');
    expect([(await chat(simulator, 'glm')).status, simulator.faults.get('glm').errorShare]).toEqual([200, 0]);
    expect((await chat(simulator, 'kimi')).status).not.toBe(200);
    const summary: any = await (await post(url, { provider: 'glm', slowdown: 2 })).json();
    expect(summary.faults).toMatchObject({ glm: { slowdown: 2, errorShare: 0 }, kimi: { slowdown: 1, errorShare: 1 } });
    simulator.faults.clear();
    expect((await chat(simulator, 'kimi')).status).toBe(200);
  });

  it.each([
    [{ hangShare: 1.1 }, 'hangShare must be between 0 and 1, got 1.1'],
    [{ hangShare: 0.6, errorShare: 0.6 }, 'hangShare, errorShare and cutShare must add up to at most 1, got 1.2'],
    [{ slowdown: 'x' }, 'slowdown must be a number of at least 0, got NaN'],
    [{ hang: 1 }, 'unknown fault "hang", expected one of hangShare, keepAliveShare, errorShare, cutShare, slowdown'],
    [{ provider: 'other' }, 'provider must be glm or kimi, got "other"'],
  ])('refuse %j and change nothing', async (change, message) => {
    const simulator = await startSimulator({ faults: { errorShare: 0.25 } });
    const response = await post(`${simulator.url}/__simulator/faults`, change);
    expect(response.status).toBe(400);
    expect(((await response.json()) as any).error.message).toBe(message);
    expect(simulator.faults.get('glm')).toEqual({
      hangShare: 0,
      keepAliveShare: 0.5,
      errorShare: 0.25,
      cutShare: 0,
      slowdown: 1,
    });
  });

  it('take scripted shapes over HTTP', async () => {
    const simulator = await startSimulator();
    const url = `${simulator.url}/__simulator/script`;
    expect((await post(url, { provider: 'glm', shape: 'error:1113', times: 2 })).status).toBe(200);
    expect((await errorOf(await chat(simulator, 'glm'))).name).toBe('1113');
    const refused = await post(url, { provider: 'glm', shape: 'nonsense' });
    expect([refused.status, ((await refused.json()) as any).error.message]).toEqual([
      400,
      'unknown wire shape "nonsense"',
    ]);
  });
});
