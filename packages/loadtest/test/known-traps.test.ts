// Each of these is a way in which a load tester has been seen to report something false.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';

import { arrivalTimes } from '../src/arrival-times.ts';
import { createProgressView } from '../src/cli/progress-view.ts';
import { createRandom, createStubServer, inProcess, runScenario, virtual, VirtualClock, ws } from '../src/index.ts';
import type { CallRecord, LatencySummary, PermitLimits, RunResult, Scenario, StubServer } from '../src/index.ts';
import { sleep } from '../src/clock.ts';

const FREE: PermitLimits = { global: 1000, session: 1000, providers: { glm: 1000 } };
const p = (latency: LatencySummary | undefined, share: number): number =>
  latency?.percentiles.find((one) => one.p === share)?.value ?? Number.NaN;
const constant = (ms: number): Scenario['mix'] => [
  { tool: 'chat', weight: 100, service: { dist: 'constant', ms }, deadlineMs: 1e6 },
];
const simulate = (scenario: Scenario, limits = FREE): Promise<RunResult> => {
  const clock = new VirtualClock({ synchronous: true });
  return clock.run(runScenario(scenario, { clock, driver: virtual({ clock, limits }) }));
};

let stub: StubServer | undefined;
afterEach(async () => {
  await stub?.close();
  stub = undefined;
});

describe('counting', () => {
  test('sixty replies of 50 ms are sixty samples of 50 ms, not thousands', async () => {
    const { totals } = await simulate({
      name: 'fifty',
      durationMs: 6000,
      load: { kind: 'open', sessions: 10, rate: 10, arrivals: { kind: 'constant' } },
      mix: constant(50),
    });
    expect(totals.latency.response?.n).toBe(60);
    expect(p(totals.latency.response, 0.5)).toBe(50);
  });

  test('5,000 calls a second are all planned and sent', async () => {
    const { load } = await simulate({
      name: 'fast',
      durationMs: 2000,
      load: { kind: 'open', sessions: 10, rate: 5000, arrivals: { kind: 'constant' } },
      mix: constant(1),
    });
    expect(load.sent).toBe(10_000);
    expect(load.sendLagP99Ms).toBe(0);
  });

  test('a rate is a real number: ten levels up to 4.4 per second are ten different loads', () => {
    const counts = Array.from(
      { length: 10 },
      (_, index) =>
        [...arrivalTimes([{ durationMs: 100_000, rate: 0.44 * (index + 1) }], { kind: 'constant' }, createRandom(1))]
          .length,
    );
    expect(new Set(counts).size).toBe(10);
  });

  test('two calls that touch in time are one in flight, not two', async () => {
    const { load } = await simulate({
      name: 'touch',
      durationMs: 1000,
      load: { kind: 'closed', sessions: 1 },
      mix: constant(100),
    });
    expect(load.peakInFlight).toBe(1);
    expect(load.meanInFlight).toBe(1);
  });

  test('at ten times the capacity the queue is part of the result', async () => {
    const { totals, load, timeline } = await simulate(
      {
        name: 'over',
        durationMs: 5000,
        drainMs: 500,
        load: { kind: 'open', sessions: 10, rate: 100, arrivals: { kind: 'constant' } },
        mix: constant(100),
      },
      { global: 1, session: 1, providers: { glm: 1 } },
    );
    expect(load.planned).toBe(500);
    expect(totals.outcomes.censored).toBeGreaterThan(440);
    expect(totals.lost).toBe(totals.outcomes.censored);
    expect(Math.max(...timeline.windows.map(({ inFlight }) => inFlight))).toBeGreaterThan(400);
    // Most calls never ended: there is no 90th percentile to print.
    expect(p(totals.latency.response, 0.9)).toBeNaN();
  });

  test('a stall of a second is waited for by everyone who was due in it', async () => {
    const clock = new VirtualClock({ synchronous: true });
    const driver = virtual({ clock, limits: { global: 1, session: 1, providers: { glm: 1 } }, serviceMs: 1 });
    let stalled = 0;
    clock.at(2500, () => {
      driver.permits.ask({
        session: 'stall',
        provider: 'glm',
        grant: () => void clock.at(3500, () => driver.permits.release('stall', 'glm')),
      });
      stalled += 1;
    });
    const { totals } = await clock.run(
      runScenario(
        {
          name: 'stall',
          durationMs: 6000,
          load: { kind: 'open', sessions: 1, rate: 100, arrivals: { kind: 'constant' } },
          mix: [{ tool: 'chat', weight: 100, deadlineMs: 60_000 }],
        },
        { clock, driver },
      ),
    );
    expect(stalled).toBe(1);
    expect(totals.latency.response?.n).toBe(600);
    expect(p(totals.latency.response, 0.5)).toBeLessThan(3);
    // A hundred calls wait from 1000 ms down; the queue of a hundred then empties in 110 ms.
    expect(p(totals.latency.response, 0.9)).toBeGreaterThan(380);
    expect(p(totals.latency.response, 0.9)).toBeLessThan(480);
    expect(p(totals.latency.response, 0.99)).toBeGreaterThan(920);
  });
});

test('ten connections and a stall: never more in flight than connections, and the two books of Little agree', async () => {
  const clock = new VirtualClock({ synchronous: true });
  const driver = virtual({ clock, limits: { global: 10, session: 1, providers: { glm: 10 } }, serviceMs: 5 });
  // All ten permits are taken for the second from 2500 ms.
  clock.at(2500, () => {
    for (let taken = 0; taken < 10; taken += 1) {
      driver.permits.ask({
        session: `stall-${taken}`,
        provider: 'glm',
        grant: () => void clock.at(3500, () => driver.permits.release(`stall-${taken}`, 'glm')),
      });
    }
  });
  const { load, totals, selfChecks } = await clock.run(
    runScenario(
      {
        name: 'stalled',
        durationMs: 6000,
        load: { kind: 'closed', sessions: 10 },
        mix: [{ tool: 'chat', weight: 100, deadlineMs: 60_000 }],
      },
      { clock, driver },
    ),
  );
  const { max = 0, mean = 0 } = totals.latency.response ?? {};
  expect(max).toBeGreaterThan(900);
  expect(load.okPerSecond * (mean / 1000)).toBeLessThanOrEqual(10.3);
  expect(load.peakInFlight).toBe(10);
  expect(selfChecks.find(({ id }) => id === 'littles-law')?.status).toBe('ok');
});

test('the wait that the server tells stands beside the wait seen from outside, and they can be compared', async () => {
  const scenario: Scenario = {
    name: 'waits',
    durationMs: 20_000,
    load: { kind: 'closed', sessions: 4 },
    mix: constant(100),
  };
  const one: PermitLimits = { global: 1, session: 1, providers: { glm: 1 } };
  const honest = await simulate(scenario, one);
  expect(p(honest.totals.latency.queued, 0.5)).toBe(300);
  expect(p(honest.totals.latency.overhead, 0.5)).toBe(300);
  // A server that measures its own queue wrongly: the outside does not believe it.
  const clock = new VirtualClock({ synchronous: true });
  const driver = virtual({ clock, limits: one });
  const connect = driver.connect.bind(driver);
  driver.connect = async (session, onClose) => {
    const inner = await connect(session, onClose);
    const send = inner.send.bind(inner);
    inner.send = (call, sink) =>
      send(call, {
        event: () => sink.event(),
        piece: (tokens) => sink.piece(tokens),
        end: (end) => sink.end({ ...end, queuedMs: 1 }),
      });
    return inner;
  };
  const lying = await clock.run(runScenario(scenario, { clock, driver }));
  expect(p(lying.totals.latency.queued, 0.5)).toBe(1);
  expect(p(lying.totals.latency.overhead, 0.5)).toBe(300);
});

test('every frame is counted, also those that nobody waits for', async () => {
  stub = await createStubServer({ serviceMs: 5, pieces: 0 });
  const driver = ws({ url: stub.url, closeTimeoutMs: 1000 });
  const connection = await driver.connect(0, () => undefined);
  const frames = (): number => driver.wire.framesReceived;
  const before = frames();
  const call = { entry: 0, tool: 'chat', deadlineMs: 20_000, forcedTimeout: false, arguments: {} };
  const nobody = { event: () => undefined, piece: () => undefined, end: () => undefined };
  for (let index = 0; index < 10; index += 1) connection.send(call, nobody);
  await vi.waitFor(() => expect(stub?.served).toHaveLength(10), 10_000);
  // Each call was accepted and answered.
  await vi.waitFor(() => expect(frames() - before).toBe(20), 10_000);
  expect(driver.wire.framesSent).toBe(1 + 10);
  await connection.close();
});

describe('streams', () => {
  const streaming = async (pieces: readonly { gapMs: number; tokens: number }[]): Promise<RunResult> => {
    const clock = new VirtualClock();
    const driver = inProcess(async (_call, { piece }) => {
      for (const { gapMs, tokens } of pieces) {
        await sleep(clock, gapMs);
        piece(tokens);
      }
    });
    return clock.run(
      runScenario(
        {
          name: 'stream',
          durationMs: 60_000,
          maxCalls: 60,
          load: { kind: 'closed', sessions: 1 },
          mix: [{ tool: 'chat', weight: 100 }],
        },
        { clock, driver },
      ),
    );
  };

  test('the first token after 100 ms is 100 ms, whatever follows', async () => {
    const { totals } = await streaming([
      { gapMs: 100, tokens: 1 },
      { gapMs: 400, tokens: 1 },
    ]);
    expect(p(totals.latency.firstToken, 0.95)).toBe(100);
    expect(p(totals.latency.service, 0.95)).toBe(500);
  });

  test('pieces of four tokens every 40 ms: the gap is 40 ms, a token 10 ms', async () => {
    const { totals } = await streaming(Array.from({ length: 26 }, () => ({ gapMs: 40, tokens: 4 })));
    expect(p(totals.latency.maxGap, 0.5)).toBe(40);
    expect(p(totals.latency.perToken, 0.5)).toBeCloseTo(1000 / 103, 1);
  });

  test('one stall of 200 ms among a thousand gaps is not averaged away', async () => {
    const { totals } = await streaming(
      Array.from({ length: 100 }, (_, index) => ({ gapMs: index === 50 ? 200 : 10, tokens: 1 })),
    );
    expect(p(totals.latency.maxGap, 0.5)).toBe(200);
    expect(p(totals.latency.perToken, 0.5)).toBeLessThan(13);
  });
});

describe('endings', () => {
  test('a server that never answers a close frame is cut after the closing limit', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'exai.v1' });
    server.on('connection', (socket) => {
      socket.on('message', () => {
        socket.send(JSON.stringify({ type: 'welcome', server: { name: 'deaf', version: '1' } }));
        // Reads nothing from now on, the close frame included.
        socket.pause();
      });
    });
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const driver = ws({ url: `ws://127.0.0.1:${port}`, closeTimeoutMs: 100 });
    const connection = await driver.connect(0, () => undefined);
    const started = performance.now();
    await connection.close();
    expect(performance.now() - started).toBeLessThan(3000);
    for (const socket of server.clients) socket.terminate();
    server.close();
  });

  test('connections tried are connections opened and refused, and every unexpected close has its code', async () => {
    stub = await createStubServer({ serviceMs: 30 });
    const running = stub;
    let calls = 0;
    const result = await runScenario(
      {
        name: 'closes',
        durationMs: 60_000,
        maxCalls: 40,
        load: { kind: 'closed', sessions: 5 },
        mix: [{ tool: 'chat', weight: 100, deadlineMs: 20_000 }],
      },
      {
        driver: ws({ url: stub.url }),
        maxStallMs: 60_000,
        onCall: () => {
          calls += 1;
          if (calls === 10) running.dropConnections(2, 1011);
        },
      },
    );
    const { wire, totals } = result;
    expect(wire.connectsTried).toBe(wire.connectsOpened + wire.connectsFailed);
    expect(wire.closedByCode).toEqual({ 1011: 2 });
    expect(wire.reconnects).toBe(2);
    expect(totals.outcomes.ok + totals.outcomes.closed).toBe(40);
  });
});

test('the live view shows the present, not the average since the start', () => {
  const lines: string[] = [];
  const io = {
    out: () => undefined,
    err: (text: string) => lines.push(text),
    env: {},
    cwd: '/',
    onInterrupt: () => () => undefined,
  };
  const view = createProgressView(io, 'plain');
  const call = (serviceMs: number): CallRecord => ({
    due: 0,
    lagMs: 0,
    serviceMs,
    firstEventMs: 0,
    firstTokenMs: 0,
    maxGapMs: 0,
    queuedMs: 0,
    askedMs: 0,
    tokens: 0,
    entry: 0,
    session: 0,
    outcome: 'ok',
    code: '',
    provider: '',
    forced: false,
    warmup: false,
  });
  const show = (elapsedMs: number): void =>
    view.onProgress({
      phase: 'measuring',
      elapsedMs,
      totalMs: 1e6,
      sessions: 1,
      inFlight: 1,
      launched: 0,
      ok: 0,
      notOk: 0,
    });
  for (let index = 0; index < 5000; index += 1) view.onCall(call(100));
  show(0);
  for (let index = 0; index < 200; index += 1) view.onCall(call(1000));
  show(6000);
  expect(lines[0]).toContain('p50 100 ms');
  expect(lines[1]).toContain('p50 1.00 s');
});
