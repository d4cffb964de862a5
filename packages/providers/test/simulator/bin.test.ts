import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../../src/simulator/bin.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface Run {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly ended: Promise<number | null>;
}

function run(...args: string[]): Run {
  const child = spawn(process.execPath, ['--conditions=@exai/source', '--import', 'tsx', BIN, ...args], { cwd: ROOT });
  running.push(child);
  let text = '';
  child.stdout?.on('data', (part: Buffer) => (text += part.toString()));
  child.stderr?.on('data', (part: Buffer) => (text += part.toString()));
  return { child, out: () => text, ended: new Promise((resolve) => child.once('close', resolve)) };
}

describe('exai-simulator', () => {
  it('says where it listens, answers, and ends at once on Ctrl-C with a call running', async () => {
    const { child, out, ended } = run('--port', '0', '--time-scale', '0.01', '--limits', 'glm=1');
    await expect.poll(out, { timeout: 15_000 }).toContain('Ctrl-C ends it.');
    const url = /^Log\s+(\S+)$/m.exec(out())?.[1] ?? '';
    expect(await (await fetch(url)).json()).toMatchObject({ timeScale: 0.01, calls: 0 });
    const base = /^GLM\s+(\S+)$/m.exec(out())?.[1] ?? '';
    const body = JSON.stringify({
      model: 'glm-4.6',
      simulate: { serviceMs: 60_000 },
      messages: [{ role: 'user', content: 'x' }],
    });
    const call = fetch(`${base}/chat/completions`, { method: 'POST', headers: { authorization: 'Bearer k' }, body });
    call.catch(() => undefined);
    await expect.poll(async () => ((await (await fetch(url)).json()) as any).inFlight.glm).toBe(1);
    const from = Date.now();
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(Date.now() - from).toBeLessThan(5000);
    await expect(call).rejects.toThrow();
  });

  it.each([
    [['--help'], 0, '--time-scale <x>'],
    [['--limits', 'foo=1'], 2, 'exai-simulator: --limits knows glm and kimi, got foo'],
    [['--port', '70000'], 2, '--port must be a number from 0 to 65535, got "70000"'],
    [['--nonsense'], 2, "Unknown option '--nonsense'"],
  ])('answers %j and exits with %d', async (args, code, text) => {
    const { out, ended } = run(...args);
    expect(await ended).toBe(code);
    expect(out()).toContain(text);
  });
});
