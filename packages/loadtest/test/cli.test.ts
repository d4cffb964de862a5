import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { runCli } from '../src/cli/cli.ts';
import type { CliIo } from '../src/cli/io.ts';
import { builtInScenario, createStubServer } from '../src/index.ts';
import type { StubOptions, StubServer } from '../src/index.ts';

let stub: StubServer | undefined;
let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'exai-loadtest-'));
});
afterEach(async () => {
  await stub?.close();
  stub = undefined;
  rmSync(cwd, { recursive: true, force: true });
});

interface Said {
  exit: number;
  out: string;
  err: string;
}

async function cli(args: readonly string[], over: Partial<CliIo> = {}): Promise<Said> {
  const said = { out: '', err: '' };
  const io: CliIo = {
    out: (text) => (said.out += `${text}\n`),
    err: (text) => (said.err += `${text}\n`),
    env: {},
    cwd,
    onInterrupt: () => () => undefined,
    ...over,
  };
  const exit = await runCli(args, io);
  return { exit, ...said };
}

async function started(options: StubOptions = {}): Promise<string[]> {
  stub = await createStubServer({ timeScale: 0.001, ...options });
  return ['--url', stub.url, '--time-scale', '0.001', '--max-stall', '30s', '--out', 'reports'];
}

describe('run', () => {
  test('prints the verdict and the tables, and writes JSON, HTML, JUnit and Markdown', async () => {
    const target = await started();
    const said = await cli(['run', 'baseline', ...target, '--duration', '600ms', '--format', 'json,html,junit,md']);
    expect(said).toMatchObject({ exit: 0 });
    expect(said.out).toMatch(/^baseline: PASSED \(exit 0\)/);
    for (const text of [
      'tool chat',
      'session 5',
      'provider kimi',
      'response p50',
      'self-check littles-law',
      'failed == 0',
    ]) {
      expect(said.out).toContain(text);
    }
    expect(said.err).toMatch(/measuring: 5 sessions/);
    const files = readdirSync(join(cwd, 'reports'));
    expect(files.map((file) => file.replace(/^[^.]*Z/, '')).sort()).toEqual(['.html', '.json', '.junit.xml', '.md']);
    for (const file of files) expect(said.out).toContain(file);

    const json = files.find((file) => file.endsWith('.json')) ?? '';
    const again = await cli(['report', join('reports', json), '--out', 'reports', '--format', 'html']);
    expect(again.exit).toBe(0);
    const html = readFileSync(join(cwd, 'reports', json.replace('.json', '.html')), 'utf8');
    const first = files.find((file) => file.endsWith('.html')) ?? '';
    expect(html).toBe(readFileSync(join(cwd, 'reports', first), 'utf8'));
  });

  test('a failed threshold is exit 1, an undecided one 8, and --allow-undecided softens it', async () => {
    const target = await started();
    const run = ['run', 'baseline', ...target, '--duration', '60s', '--requests', '20', '--live', 'off'];
    expect((await cli([...run, '--threshold', 'response.max < 1ms'])).exit).toBe(1);
    expect((await cli([...run, '--threshold', 'response.p99 < 1h'])).exit).toBe(8);
    expect((await cli([...run, '--threshold', 'response.p99 < 1h', '--allow-undecided'])).exit).toBe(0);
  });

  test('a server whose time runs at another scale is refused with exit 2 before any call', async () => {
    const [, url = ''] = await started({ timeScale: 0.01 });
    const said = await cli(['run', 'baseline', '--url', url, '--time-scale', '0.5']);
    expect(said.exit).toBe(2);
    expect(said.err).toMatch(
      /TIME_SCALE_MISMATCH: --time-scale must be that of the target, which simulates at time scale 0.01, got 0.5/,
    );
    expect(stub?.served).toHaveLength(0);
  });

  test.each<[string, string[], number, RegExp]>([
    ['an unreachable target', ['--url', 'ws://127.0.0.1:1/ws'], 3, /UNREACHABLE: session 0 could not connect/],
    ['a host elsewhere', ['--url', 'ws://example.com/ws'], 2, /HOST_NOT_ALLOWED: .* got example.com; add --allow-host/],
    ['a metrics page elsewhere', ['--metrics-url', 'http://example.com/metrics'], 3, /UNREACHABLE/],
    ['no URL', ['--url', 'here'], 2, /--url must be a URL, got here/],
    [
      'a driver that does not fit the URL',
      ['--url', 'http://127.0.0.1:1/', '--driver', 'ws'],
      2,
      /--url must be ws:\/\/ for the driver ws/,
    ],
    ['a duration without a unit', ['--duration', '20'], 2, /a number and a unit/],
    ['a run of a week', ['--duration', '168h'], 2, /--duration must be at most 24h/],
    ['more calls than fit', ['--requests', '2000000'], 2, /--requests must be at most 1000000/],
    ['a negative scale', ['--time-scale', '-1'], 2, /above 0/],
    ['an unknown flag', ['--fast'], 2, /unknown option '--fast'/],
    ['an unknown format', ['--format', 'pdf'], 2, /must be some of json, html, junit, md, got pdf/],
  ])('%s: exit code and message', async (_name, flags, exit, message) => {
    const said = await cli(['run', 'baseline', '--url', 'ws://127.0.0.1:1/ws', ...flags]);
    expect(said.err + said.out).toMatch(message);
    expect(said.exit).toBe(exit);
  });

  test('an unknown scenario names those that exist', async () => {
    const said = await cli(['run', 'warp']);
    expect(said).toMatchObject({ exit: 2 });
    expect(said.err).toMatch(/no scenario is named warp; built in are baseline, stress, extreme, timeout, recovery/);
  });

  test('faults that the target will not inject void the run', async () => {
    const target = await started();
    const said = await cli([
      'run',
      'recovery',
      ...target,
      '--duration',
      '400ms',
      '--faults-url',
      `${stub?.httpUrl}/nowhere`,
      '--live',
      'off',
    ]);
    expect(said.exit).toBe(4);
    expect(said.out).toMatch(/the fault was not injected: leak/);
  });

  test('recovery against the stub: leaks are injected, found and repaired', async () => {
    const target = await started({ healthCheckMs: 100 });
    const said = await cli(['run', 'recovery', ...target, '--duration', '1200ms', '--live', 'off']);
    expect(said.out).toMatch(/recovery {3}leak kimi x1 at .*repaired/);
    expect(said.out).toMatch(/pass {6}recovery.repaired >= 2/);
    expect(said.exit).toBe(0);
  });

  test('Ctrl-C once drains and reports with 130', async () => {
    const target = await started();
    const said = await cli(['run', 'baseline', ...target, '--duration', '60s', '--live', 'off'], {
      onInterrupt(handler) {
        const timer = setTimeout(handler, 400);
        return () => clearTimeout(timer);
      },
    });
    expect(said.exit).toBe(130);
    expect(said.err).toContain('interrupted: draining and reporting');
    expect(said.out).toContain('report     ');
  });

  test('on a terminal the progress is a bar', async () => {
    const target = await started();
    const screen = new PassThrough();
    let drawn = '';
    screen.on('data', (chunk) => (drawn += String(chunk)));
    const terminal = Object.assign(screen, {
      isTTY: true,
      columns: 200,
      cursorTo: () => true,
      clearLine: () => true,
      moveCursor: () => true,
      clearScreenDown: () => true,
    });
    const said = await cli(['run', 'baseline', ...target, '--duration', '700ms'], {
      terminal: terminal as unknown as NodeJS.WriteStream,
    });
    expect(said.err).toBe('');
    expect(drawn).toMatch(/█/);
    expect(drawn).toMatch(/in flight/);
  });

  test('--repeat makes runs that compare can read; one side of two runs is inconclusive (8)', async () => {
    const target = await started();
    const run = [
      'run',
      'baseline',
      ...target,
      '--requests',
      '10',
      '--duration',
      '30s',
      '--live',
      'off',
      '--format',
      'json',
    ];
    expect((await cli([...run, '--repeat', '2'])).exit).toBe(0);
    const files = readdirSync(join(cwd, 'reports')).map((file) => join('reports', file));
    expect(files).toHaveLength(2);
    const said = await cli(['compare', files[0] ?? '', '--against', files[1] ?? '']);
    expect(said.exit).toBe(8);
    expect(said.out).toMatch(/INCONCLUSIVE/);
    expect((await cli(['compare', files[0] ?? '', '--against', files[1] ?? '', '--allow-inconclusive'])).exit).toBe(0);
  });

  test('no session suffers from another: the interference test is part of the report', async () => {
    const target = await started({ limits: { global: 50, session: 25, providers: { glm: 50, kimi: 50 } } });
    const said = await cli([
      'interfere',
      '--url',
      target[1] ?? '',
      '--pairs',
      '8',
      '--block',
      '120ms',
      '--tolerance',
      '20',
    ]);
    // A machine that is too busy for the load tester to keep its own schedule is no witness, and says so.
    expect(said.out).toMatch(
      /^(NONE FOUND|VOID)\nVictim and aggressor call different providers .*\neffect .*exact p = /,
    );
    expect(said.exit).toBe(said.out.startsWith('VOID') ? 4 : 0);
  });
});

describe('what a run may cost', () => {
  const one = ['run', 'baseline', '--requests', '10', '--duration', '30s', '--live', 'off', '--max-stall', '30s'];
  const told = { totalTokens: 900, costUsd: 0.03 };

  test('where real models answer, a run that may cost more than a dollar is refused before any call', async () => {
    stub = await createStubServer({ isSimulator: false, usage: told });
    const said = await cli(['run', 'baseline', '--url', stub.url, '--duration', '20m']);
    expect(said.exit).toBe(2);
    expect(said.err).toMatch(
      /--max-usd must cover the run: about \d+ calls can cost \$\d+\.\d\d at \$20 per million tokens, got \$1; make the run shorter/,
    );
    expect(stub.served).toHaveLength(0);
  });

  test('the load ends when what was measured would pass the limit', async () => {
    stub = await createStubServer({ isSimulator: false, usage: told });
    const said = await cli([...one, '--url', stub.url, '--max-usd', '0.2', '--usd-per-mtok', '1']);
    expect(said.out).toMatch(/spend {6}\$0\.\d\d of at most \$0\.20, which ended the load/);
    // Five in flight at $0.03 are $0.15 still to be spent.
    expect(stub.served.length).toBeGreaterThanOrEqual(5);
    expect(stub.served.length).toBeLessThanOrEqual(7);
  });

  test('a target that tells no usage is taken to use more than it does', async () => {
    stub = await createStubServer({ isSimulator: false });
    const said = await cli([...one, '--url', stub.url, '--max-usd', '0.9']);
    expect(said.out).toMatch(/spend {6}\$0\.[78]\d of at most \$0\.90/);
  });

  test('simulated models cost nothing, and no limit is set for them', async () => {
    const target = await started();
    const said = await cli(['run', 'baseline', ...target, '--requests', '10', '--duration', '30s', '--live', 'off']);
    expect(said).toMatchObject({ exit: 0 });
    expect(said.out).not.toContain('spend');
  });
});

describe('what needs no server', () => {
  test('list names every scenario of the requirements', async () => {
    const { out, exit } = await cli(['list']);
    expect(exit).toBe(0);
    for (const name of [
      'baseline',
      'stress',
      'extreme',
      'timeout',
      'recovery',
      'realistic',
      'churn',
      'slow-reader',
      'burst',
      'soak',
      'interference',
      'baseline-global',
    ]) {
      expect(out).toContain(name);
    }
  });

  test('init writes a file that validates and explains; it overwrites nothing', async () => {
    expect((await cli(['init', 'mine.json', '--from', 'stress'])).exit).toBe(0);
    expect((await cli(['validate', 'mine.json'])).out).toBe('stress is valid: 5 tools, closed load\n');
    const { out } = await cli(['explain', 'mine.json', '--time-scale', '0.01', '--duration', '20s']);
    expect(out).toMatch(/<- binds/);
    expect(out).toMatch(/thinkdeep {5}n = \d+: p50 supported/);
    expect((await cli(['init', 'mine.json'])).exit).toBe(2);
  });

  test.each<[string, string, RegExp]>([
    ['is no JSON', '{', /could not be read as JSON/],
    [
      'has an unknown tool in a threshold',
      JSON.stringify({ ...builtInScenario('baseline'), thresholds: ['x.failed == 0'] }),
      /x must be a tool of the mix/,
    ],
    [
      'has weights that do not sum',
      JSON.stringify({ ...builtInScenario('baseline'), mix: [{ tool: 'chat', weight: 40 }] }),
      /the weights must sum to 100, got 40/,
    ],
  ])('a scenario that %s is exit 2', async (_name, text, message) => {
    writeFileSync(join(cwd, 'bad.json'), text);
    const said = await cli(['validate', 'bad.json']);
    expect(said.exit).toBe(2);
    expect(said.err).toMatch(message);
  });

  test('a truncated report is exit 2 with the field', async () => {
    writeFileSync(join(cwd, 'cut.json'), '{"schema":"exai.loadtest.report/1"');
    expect((await cli(['report', 'cut.json'])).err).toMatch(/INVALID_REPORT: .*could not be read as JSON/);
    writeFileSync(join(cwd, 'cut.json'), '{"schema":"exai.loadtest.report/1"}');
    const said = await cli(['report', 'cut.json']);
    expect(said.exit).toBe(2);
    expect(said.err).toMatch(/meta: is required; verdict: is required/);
  });

  test('compare --aa prints the false-alarm rate of the gate itself', async () => {
    const said = await cli(['compare', '--aa', '20']);
    expect(said.out).toMatch(/A\/A: \d alarms in 20 comparisons without a change/);
  });

  test.each([
    'run',
    'list',
    'init',
    'validate',
    'explain',
    'calibrate',
    'search',
    'interfere',
    'audit',
    'compare',
    'replay',
    'report',
    'stub',
  ])('%s has help', async (command) => {
    const { out, exit } = await cli([command, '--help']);
    expect(exit).toBe(0);
    expect(out).toMatch(new RegExp(`Usage: exai-loadtest ${command}`));
  });
});

describe('experiments', () => {
  test('audit cuts connections under running calls and finds every permit back', async () => {
    await started();
    const said = await cli(['audit', '--url', stub?.url ?? '', '--cycles', '2']);
    expect(said.out).toMatch(/over 2 cycles: 0 violations, 0 permits missing/);
    expect(said.exit).toBe(0);
  });

  test('audit of a server that lost a permit is exit 6', async () => {
    await started({ healthCheckMs: 0 });
    stub?.permits.leak('glm', 1);
    const said = await cli(['audit', '--url', stub?.url ?? '', '--cycles', '1']);
    expect(said.out).toMatch(/1 permits missing/);
    expect(said.exit).toBe(6);
  });

  test('replay sends the calls of a trace, at its times', async () => {
    const target = await started({ timeScale: 1 });
    const lines = [0, 20, 40, 60].map((atMs) => JSON.stringify({ atMs, tool: 'chat', provider: 'kimi', serviceMs: 5 }));
    writeFileSync(join(cwd, 'trace.jsonl'), `${lines.join('\n')}\n`);
    const said = await cli(['replay', 'trace.jsonl', '--url', target[1] ?? '', '--max-stall', '30s', '--live', 'off']);
    expect(said.out).toMatch(/4 measured: 4 ok/);
    writeFileSync(join(cwd, 'bad.jsonl'), '{"atMs":-1,"tool":"chat"}\n');
    const bad = await cli(['replay', 'bad.jsonl', '--url', target[1] ?? '']);
    expect(bad.exit).toBe(2);
    expect(bad.err).toMatch(/line 1 of the trace: atMs: must be at least 0, got -1/);
  });

  test('search reports the highest level that keeps the objective', async () => {
    const target = await started({ limits: { global: 2, session: 2, providers: { glm: 2, kimi: 2 } } });
    const said = await cli([
      'search',
      ...target,
      '--slo',
      'failed == 0',
      '--up-to',
      '2',
      '--requests',
      '12',
      '--duration',
      '20s',
    ]);
    expect(said.out).toMatch(/failed == 0 holds up to 2 sessions/);
    expect(said.err.match(/holds/g)?.length).toBe(4);
  });
});
