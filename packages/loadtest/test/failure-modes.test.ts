import { createServer, type Server } from 'node:net';

import { afterEach, describe, expect, test } from 'vitest';

import { createStubServer, runScenario, ws } from '../src/index.ts';
import type { Outcome, RunResult, Scenario, StubMode, StubServer } from '../src/index.ts';

let stub: StubServer | undefined;
let raw: Server | undefined;
afterEach(async () => {
  await stub?.close();
  raw?.close();
  stub = raw = undefined;
});

const scenario = (over: Partial<Scenario> = {}): Scenario => ({
  name: 'failures',
  durationMs: 250,
  drainMs: 400,
  load: { kind: 'closed', sessions: 3 },
  mix: [{ tool: 'chat', weight: 100, service: { dist: 'constant', ms: 10 }, deadlineMs: 20_000 }],
  thresholds: ['failed == 0'],
  ...over,
});

/** Time-outs come soon. */
const SHORT: Partial<Scenario> = {
  mix: [{ tool: 'chat', weight: 100, service: { dist: 'constant', ms: 10 }, deadlineMs: 100 }],
  client: { answerGraceMs: 50 },
};
const PATIENT: Partial<Scenario> = { client: { answerGraceMs: 5000 }, drainMs: 6000 };

const sumOf = (result: RunResult): number => Object.values(result.totals.outcomes).reduce((a, b) => a + b, 0);
const accounted = (result: RunResult): void => {
  expect(sumOf(result)).toBe(result.load.planned);
  expect(result.selfChecks.find(({ id }) => id === 'conservation')?.status).toBe('ok');
};

async function run(mode: StubMode, over: Partial<Scenario> = {}): Promise<RunResult> {
  stub = await createStubServer({ mode });
  const result = await runScenario(scenario(over), { driver: ws({ url: stub.url }), maxStallMs: 10_000 });
  accounted(result);
  return result;
}

describe('every way to fail has its own outcome and exit code', () => {
  test.each<[StubMode, Outcome, number]>([
    ['refuse', 'rejected', 1],
    ['error', 'tool_error', 1],
    ['timeout', 'timeout_server', 1],
    ['hang', 'timeout_client', 3],
    ['silent', 'timeout_client', 3],
    ['close', 'closed', 3],
    ['garbage', 'timeout_client', 3],
    ['stopped', 'stopped', 1],
  ])('a server in mode %s: outcome %s, exit %i, within the drain limit', async (mode, outcome, exit) => {
    const started = performance.now();
    const isMute = ['hang', 'silent', 'garbage'].includes(mode);
    // A server that does answer gets all the time it needs on a busy machine.
    const result = await run(mode, isMute ? SHORT : mode === 'timeout' ? { ...SHORT, ...PATIENT } : PATIENT);
    expect(result.totals.calls).toBeGreaterThan(0);
    // A call that was due while its session was reconnecting was never sent.
    expect(result.totals.outcomes[outcome] + result.totals.outcomes.connect_failed).toBe(result.totals.calls);
    expect(result.totals.outcomes[outcome]).toBeGreaterThan(0);
    expect(result.verdict.exit).toBe(exit);
    expect(performance.now() - started).toBeLessThan(250 + 6000 + 5000);
  });

  test('a stopped workflow names why it stopped and is not ok', async () => {
    const result = await run('stopped', PATIENT);
    expect(result.totals.outcomes.ok).toBe(0);
    expect(Object.keys(result.totals.codes)).toEqual(['stopped(no_progress)']);
  });

  test('a second answer to a call is counted, and the run goes on', async () => {
    const result = await run('double_reply', PATIENT);
    expect(result.totals.outcomes.ok).toBe(result.totals.calls);
    expect(result.wire.duplicate).toBeGreaterThanOrEqual(result.totals.calls - 3);
    expect(result.verdict.exit).toBe(0);
  });

  test('an answer after the time-out is late, and not credited to the next call', async () => {
    stub = await createStubServer({ mode: 'late_reply', lateByMs: 200 });
    const late = stub;
    const result = await runScenario(scenario({ ...SHORT, durationMs: 700 }), {
      driver: ws({ url: late.url }),
      maxStallMs: 10_000,
      onCall: () => (late.mode = 'none'),
    });
    accounted(result);
    const { timeout_client: timedOut } = result.totals.outcomes;
    expect(timedOut).toBeGreaterThanOrEqual(3);
    expect(result.wire.late).toBeGreaterThanOrEqual(1);
    expect(result.wire.late).toBeLessThanOrEqual(timedOut);
    expect(result.wire).toMatchObject({ duplicate: 0, unsolicited: 0 });
    // The next calls took their own 10 ms: an answer credited to the wrong call would take less.
    expect(result.totals.latency.service?.min).toBeGreaterThanOrEqual(9);
  });

  test('a close under a call is seen at once with its code, not as a time-out', async () => {
    const result = await run('close', PATIENT);
    expect(Object.keys(result.totals.codes)).toContain('closed(1011)');
    expect(result.wire.closedByCode['1011']).toBeGreaterThan(0);
    expect(result.wire.reconnects).toBeGreaterThan(0);
  });

  test('a server that accepts the socket and never says welcome: exit 3, nothing sent', async () => {
    raw = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => raw?.once('listening', resolve));
    const address = raw.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const result = await runScenario(scenario(), {
      driver: ws({ url: `ws://127.0.0.1:${port}/ws`, handshakeTimeoutMs: 150 }),
    });
    expect(result.verdict).toMatchObject({ exit: 3, status: 'unreachable' });
    expect(result.totals.calls).toBe(0);
    expect(result.wire).toMatchObject({ connectsTried: 3, connectsOpened: 0, connectsFailed: 3 });
  });

  test('connections refused: 0 calls are no success', async () => {
    const result = await runScenario(scenario(), { driver: ws({ url: 'ws://127.0.0.1:1/ws' }) });
    expect(result.verdict.exit).toBe(3);
    expect(result.thresholds[0]?.status).toBe('pass');
    expect(result.verdict.reasons[0]).toBe('no connection of 3 could be opened');
  });

  test('a wrong token is a refused connection', async () => {
    stub = await createStubServer({ token: 'right' });
    const result = await runScenario(scenario(), { driver: ws({ url: stub.url, token: 'wrong' }) });
    expect(result.verdict.exit).toBe(3);
    expect(result.wire.connectsFailed).toBe(3);
  });

  test('a load tester that was blocked for 200 ms voids its own run', async () => {
    stub = await createStubServer();
    let isBlocked = false;
    const result = await runScenario(scenario(), {
      driver: ws({ url: stub.url }),
      onCall: () => {
        const until = isBlocked ? 0 : performance.now() + 200;
        isBlocked = true;
        while (performance.now() < until);
      },
    });
    expect(result.verdict).toMatchObject({ exit: 4, status: 'void' });
    expect(result.verdict.reasons[0]).toMatch(/^void: event-loop is \d{3}/);
  });

  test('a threshold on something nobody measured does not pass', async () => {
    const result = await run('none', { thresholds: ['recovery.time < 10s'] });
    expect(result.thresholds[0]).toMatchObject({ status: 'undecided', n: 0 });
    expect(result.verdict.exit).toBe(8);
  });

  test('calls that are still running at the end are censored with their age, not forgotten', async () => {
    stub = await createStubServer();
    const long = scenario({
      drainMs: 50,
      mix: [{ tool: 'chat', weight: 100, service: { dist: 'constant', ms: 5000 }, deadlineMs: 9000 }],
    });
    const result = await runScenario(long, { driver: ws({ url: stub.url }), maxStallMs: 10_000 });
    accounted(result);
    expect(result.totals.outcomes.censored).toBe(3);
    expect(result.totals.lost).toBe(3);
    expect(result.verdict.exit).toBe(3);
  });

  test('an interrupted run drains, reports and exits with 130', async () => {
    stub = await createStubServer();
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 80);
    const result = await runScenario(scenario({ durationMs: 60_000 }), {
      driver: ws({ url: stub.url }),
      signal: controller.signal,
      maxStallMs: 10_000,
    });
    accounted(result);
    expect(result.verdict.exit).toBe(130);
    expect(result.totals.outcomes.ok).toBeGreaterThan(0);
  });
});
