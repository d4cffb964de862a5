/** The five required scenarios, shortened, against the real server in a process of its own, as CI runs them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  builtInScenario,
  type CallRecord,
  httpFaults,
  mcp,
  openaiSse,
  PermitWatch,
  renderHtml,
  type RunResult,
  runScenario,
  scaleScenario,
  type Scenario,
  testInterference,
  ws,
} from '@exai/loadtest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ADMIN = 'administrator';
/** A call's deadline is twelve seconds then, which a starved machine keeps as well. */
const TIME_SCALE = 0.02;
/** What the server calls overdue (600 s) and grace (60 s), in its scaled time. */
const OVERDUE_AND_GRACE_MS = (600_000 + 60_000) * TIME_SCALE;
/** Both ends share a busy machine here: whether the load tester stalled is not the question of this file. */
const MAX_STALL_MS = 60_000;
/** How late an answer may be: a call is lost when none comes, and not because this machine is slow. */
const client = { answerGraceMs: 20_000 };
const LONGEST_MS = 60_000;

let child: ChildProcess;
let url = '';
let data = '';

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'exai-load-'));
  const root = new URL('../../', import.meta.url).pathname;
  const source = ['--conditions=@exai/source', '--import', 'tsx', 'packages/server/src/bin.ts'];
  child = spawn(process.execPath, [...source, 'serve', '--faults', '--port', '0'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      EXAI_SIM_TIME_SCALE: String(TIME_SCALE),
      EXAI_STORE: 'memory',
      EXAI_DATA_DIR: data,
      EXAI_WS_ADMIN_TOKEN: ADMIN,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  url = await new Promise((resolve, reject) => {
    let said = '';
    child.once('exit', (code) => reject(new Error(`the server ended with ${String(code)}: ${said}`)));
    child.stdout?.on('data', (chunk) => {
      said += String(chunk);
      const found = /ws:\/\/127\.0\.0\.1:\d+\/ws/.exec(said)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
});

afterAll(async () => {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  await rm(data, { recursive: true, force: true });
});

function httpUrl(): string {
  return url.replace('ws:', 'http:').replace(/\/ws$/, '');
}

interface Ran {
  result: RunResult;
  records: CallRecord[];
}

/** So many calls of a built-in scenario, each of which is kept. */
async function run(name: string, calls: number, over: Partial<Scenario> = {}): Promise<Ran> {
  const scenario = { ...scaleScenario(builtInScenario(name), TIME_SCALE), durationMs: LONGEST_MS, client, ...over };
  const records: CallRecord[] = [];
  const result = await runScenario(
    { ...scenario, maxCalls: calls },
    {
      driver: ws({ url }),
      timeScale: TIME_SCALE,
      maxStallMs: MAX_STALL_MS,
      permits: new PermitWatch({
        url: `${httpUrl()}/metrics`,
        read: async () => (await fetch(`${httpUrl()}/metrics`)).text(),
        everyMs: 100,
        settleLimitMs: 20_000,
      }),
      ...(scenario.faults && { faults: httpFaults({ url: `${httpUrl()}/admin/faults`, token: ADMIN }) }),
      onCall: (record) => records.push({ ...record }),
    },
  );
  return { result, records };
}

/** Everything that a scenario of this name promises of itself, and the laws that hold in every run. */
function expectPassed({ result, records }: Ran): void {
  expect(result.verdict.reasons, describeEnds(result)).toEqual([]);
  expect(result.verdict.exit).toBe(0);
  expect(records).toHaveLength(result.load.planned);
  expect(result.wire).toMatchObject({ late: 0, duplicate: 0, unsolicited: 0, malformed: 0, reconnects: 0 });
  expect(result.permits).toMatchObject({ violations: [], leaks: 0, overCapacity: 0 });
  expect(result.permits?.scrapes ?? 0).toBeGreaterThan(5);
  expect(renderHtml(result).includes('passed')).toBe(true);
}

function describeEnds({ totals }: RunResult): string {
  return JSON.stringify({ ...totals.outcomes, codes: totals.codes });
}

/** How a call ends whose deadline passed: a chat by its error, a workflow by its reason to stop. */
const TIMED_OUT = ['timeout_server DEADLINE_EXCEEDED', 'stopped deadline'];

function endsOf(records: readonly CallRecord[]): string[] {
  return [...new Set(records.map(({ outcome, code }) => `${outcome} ${code}`.trim()))];
}

function deadlineOf(record: CallRecord): number {
  const [entry] = builtInScenario('baseline').mix.slice(record.entry);
  return (entry?.deadlineMs ?? 0) * TIME_SCALE;
}

describe('the five scenarios against the server', { timeout: 120_000 }, () => {
  it('baseline: every call is answered', async () => {
    const ran = await run('baseline', 30);
    expectPassed(ran);
    expect(ran.result.totals.outcomes.ok).toBe(30);
    expect(ran.result.permits?.leaksDetected).toBe(0);
  });

  it.each([
    ['stress', 10, 60],
    ['extreme', 15, 80],
  ])(
    '%s: with %i sessions every call ends well or is refused in time, and the shares are fair',
    async (name, sessions, calls) => {
      const ran = await run(name, calls);
      expectPassed(ran);
      expect(ran.result.bySession).toHaveLength(sessions);
      expect(ran.result.fairness).toBeGreaterThanOrEqual(0.9);
      for (const record of ran.records) {
        expect(['ok', 'rejected']).toContain(record.outcome);
        expect(record.lagMs + record.serviceMs).toBeLessThan(deadlineOf(record));
      }
    },
  );

  it('timeout: calls that cannot make it end as time-outs of the server, all others well', async () => {
    const ran = await run('timeout', 40);
    expectPassed(ran);
    const forced = ran.records.filter((record) => record.forced);
    expect(forced.length).toBeGreaterThanOrEqual(10);
    expect(endsOf(forced).filter((end) => !TIMED_OUT.includes(end))).toEqual([]);
    expect(endsOf(ran.records.filter((record) => !record.forced))).toEqual(['ok']);
  });

  it('recovery: leaked permits are back within overdue and grace, and no live call loses its own', async () => {
    const seconds = 5;
    // Shares of a handful of calls say nothing; fairness is asked for above.
    const thresholds = builtInScenario('recovery').thresholds?.filter((text) => !text.startsWith('fairness'));
    const ran = await run('recovery', 1_000_000, { durationMs: seconds * 1000, ...(thresholds && { thresholds }) });
    expect(ran.result.thresholds.map(({ text }) => text)).toContain('recovery.repaired >= 2');
    expectPassed(ran);
    const { recovery = [], permits, totals } = ran.result;
    expect(recovery.map(({ kind, provider }) => `${kind} ${provider}`)).toEqual(['leak kimi', 'leak glm']);
    for (const { repairedAfterMs = Number.POSITIVE_INFINITY } of recovery)
      expect(repairedAfterMs).toBeLessThan(OVERDUE_AND_GRACE_MS);
    // A live permit taken back would end its call with PERMIT_LOST and count as a third leak.
    expect(permits?.leaksDetected).toBe(2);
    expect(totals.codes).toEqual({});
  });
});

it('no session suffers from another that floods the other provider', { timeout: 120_000 }, async () => {
  const test = (seed: number) =>
    testInterference({
      driver: ws({ url }),
      seed,
      pairs: 11,
      blockMs: 400,
      alpha: 0.01,
      // Both share the processor of this machine.
      tolerance: 1,
      // Long calls, and few: what is shared must be permits, and not the processor time of two hundred short calls.
      victim: { tool: 'chat', provider: 'kimi', serviceMs: 60, perSecond: 10 },
      aggressor: { tool: 'chat', provider: 'glm', serviceMs: 400, inFlight: 4 },
    });
  const first = await test(1);
  expect(first.failures).toBe(0);
  expect(first.sharing).toBe('global');
  // One alarm in a hundred is chance; a second one is not.
  if (first.verdict === 'interference') expect((await test(2)).verdict).toBe('none_found');
});

describe('other ways to call', { timeout: 120_000 }, () => {
  const mix = scaleScenario(builtInScenario('baseline'), TIME_SCALE).mix.filter(({ tool }) => tool !== 'thinkdeep');
  const few = (sessions: number): Scenario => ({
    name: 'few',
    durationMs: LONGEST_MS,
    maxCalls: 12,
    load: { kind: 'closed', sessions },
    mix: mix.map((entry) => ({ ...entry, weight: 100 / mix.length })),
    thresholds: ['failed == 0', 'calls == 12'],
  });

  it('MCP: the tools of the same server, one MCP session for each session of the load', async () => {
    const result = await runScenario(few(3), {
      driver: mcp({ url: `${httpUrl()}/mcp` }),
      maxStallMs: MAX_STALL_MS,
    });
    expect(result.verdict.reasons, describeEnds(result)).toEqual([]);
    expect(result.wire).toMatchObject({ connectsTried: 3, connectsOpened: 3 });
    expect(new Set(result.byTool.map(({ name }) => name))).toEqual(new Set(mix.map(({ tool }) => tool)));
    // The work was done by the simulated models, in the time asked for.
    expect(result.totals.latency.overhead?.min ?? -1).toBeGreaterThan(-1);
  });

  it.each([
    ['kimi', '/v1/chat/completions', 'kimi-k2.6'],
    ['glm', '/api/paas/v4/chat/completions', 'glm-4.6'],
  ])('chat completions: %s of the simulator, streamed, with tokens and their times', async (_name, path, model) => {
    const health: { simulator: { url: string } } = JSON.parse(await (await fetch(`${httpUrl()}/healthz`)).text());
    const result = await runScenario(
      { ...few(2), mix: [{ tool: 'chat', weight: 100, service: { dist: 'constant', ms: 80 }, deadlineMs: 20_000 }] },
      {
        driver: openaiSse({ url: `${health.simulator.url}${path}`, model, apiKey: 'any.key' }),
        maxStallMs: MAX_STALL_MS,
      },
    );
    expect(result.verdict.reasons, describeEnds(result)).toEqual([]);
    const { firstToken, service } = result.totals.latency;
    expect(firstToken?.n).toBe(12);
    expect(service?.min).toBeGreaterThanOrEqual(79);
    expect(firstToken?.max ?? 0).toBeLessThan(service?.max ?? 0);
  });
});
