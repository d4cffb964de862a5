import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../services/free-port.ts';

const root = new URL('../..', import.meta.url).pathname;
const running: ChildProcess[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((child) => interrupt(child)));
});

const SEMAPHORE_FAMILIES = [
  'mcp_semaphore_leaks_detected_total',
  'mcp_semaphore_recoveries_total',
  'mcp_semaphore_current_value',
  'mcp_semaphore_expected_value',
  'mcp_concurrent_requests',
  'mcp_semaphore_wait_seconds',
  'mcp_semaphore_acquisition_failures_total',
];

/** The two limit profiles: with the defaults GLM + Kimi = global, so only the second can miss a global tier. */
const profiles = [
  { name: 'the default limits', env: {}, peaks: { glm: 2, kimi: 3, total: 5 } },
  {
    name: 'GLM 4, Kimi 4, global 5',
    env: { EXAI_WS_GLM_MAX_INFLIGHT: '4', EXAI_WS_KIMI_MAX_INFLIGHT: '4' },
    peaks: { glm: 4, kimi: 4, total: 5 },
  },
];

describe('a newcomer', () => {
  it.each(profiles)(
    'starts the server, runs the printed load-test line and ends it with Ctrl-C ($name)',
    async ({ env, peaks }) => {
      const port = await freePort();
      const server = await npmStart({ ...env, EXAI_WS_PORT: String(port) });

      const line = /npm run load -- run baseline .*--time-scale \S+ --duration \S+/.exec(server.output())?.[0];
      expect(line, 'npm start prints the load-test line').toBeDefined();
      const out = await mkdtemp(join(tmpdir(), 'exai-newcomer-'));
      const load = await run('npm', [
        ...(line ?? '')
          .replace(/--duration \S+/, '--duration 6s')
          .split(/\s+/)
          .slice(1),
        '--out',
        out,
      ]);
      expect(load.code, load.output).toBe(0);

      const file = (await readdir(out)).find((name) => name.endsWith('.json'));
      const report: LoadReport = JSON.parse(readFileSync(join(out, file ?? ''), 'utf8'));
      expect(report.totals.calls).toBeGreaterThan(15);
      expect(report.totals.outcomes['ok']).toBe(report.totals.calls);
      expect(report.totals.lost).toBe(0);

      const health = await getJson<{ simulator: { url: string } }>(`http://127.0.0.1:${port}/healthz`);
      const seen = await getJson<{ calls: number; peak: typeof peaks }>(`${health.simulator.url}/__simulator`);
      expect(seen.calls).toBeGreaterThan(20);
      expect(seen.peak.glm).toBeLessThanOrEqual(peaks.glm);
      expect(seen.peak.kimi).toBeLessThanOrEqual(peaks.kimi);
      expect(seen.peak.total).toBeLessThanOrEqual(peaks.total);
      // How full a random mix gets is chance; that every tier fills and holds is the matter of `tiers.test.ts`.
      expect(seen.peak.total, 'calls of both providers ran at once').toBeGreaterThanOrEqual(3);

      const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      for (const family of SEMAPHORE_FAMILIES) expect(metrics).toContain(`# TYPE ${family} `);
      expect(metrics).toMatch(/mcp_semaphore_wait_seconds_count\{semaphore_type="global"\} [1-9]/);
      expect(metrics).toMatch(/mcp_semaphore_current_value\{semaphore_type="global",provider="none"\} 5/);

      const stopping = Date.now();
      await interrupt(server.child);
      expect(Date.now() - stopping).toBeLessThan(5000);
      expect(server.output()).not.toMatch(/error|Unhandled|at .*\.ts:\d+/i);
      await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow('fetch failed');
    },
    90_000,
  );
});

interface LoadReport {
  totals: { calls: number; lost: number; outcomes: Record<string, number> };
}

async function getJson<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}

async function npmStart(env: Record<string, string>) {
  const data = await mkdtemp(join(tmpdir(), 'exai-data-'));
  const child = spawn('npm', ['start'], {
    cwd: root,
    env: { ...withoutKeys(process.env), EXAI_DATA_DIR: data, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let text = '';
  child.stdout?.on('data', (chunk) => (text += chunk));
  child.stderr?.on('data', (chunk) => (text += chunk));
  const until = Date.now() + 30_000;
  while (!text.includes('npm run load')) {
    if (Date.now() > until || child.exitCode !== null) throw new Error(`npm start is not up after 30 s:\n${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { child, output: () => text };
}

function withoutKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const secret = /^(ZAI|ZHIPUAI|MOONSHOT|KIMI|GLM|EXAI)_/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secret.test(name) && name !== 'NODE_OPTIONS'));
}

/** What Ctrl-C does: SIGINT to the whole process group. Resolves when npm and the server have ended. */
async function interrupt(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'close');
  process.kill(-child.pid, 'SIGINT');
  await ended;
}

async function run(program: string, args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(program, args, { cwd: root, env: withoutKeys(process.env), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  return { code, output };
}
