import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { createGLM, createKimi } from '@exai/providers';
import { createPersona, createSimulator } from '@exai/providers/simulator';
import type { Mood, Simulator } from '@exai/providers/simulator';
import { builtInWorkflows, createEngine } from '@exai/workflow';
import type { Engine, RunEvent, RunResult } from '@exai/workflow';
import { afterEach, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const PROMPT = 'main.js stops after three prices and exits with code 13';
/** The line of the planted bug. */
const BUG = 'src/lookup.js:11';

let simulator: Simulator;
let engine: Engine;

async function start(mood: Mood = 'plausible'): Promise<void> {
  simulator = await createSimulator({ latency: 'instant', persona: createPersona({ mood }) });
  const glm = createGLM({ apiKey: 'test-key', baseURL: simulator.glm.baseURL });
  const kimi = createKimi({ apiKey: 'test-key', baseURL: simulator.kimi.baseURL });
  engine = createEngine({
    models: ({ provider, model, role }) =>
      provider === 'kimi' || role !== 'agent' ? kimi.chat('kimi-k2.6') : glm.chat(model ?? 'glm-4.6'),
    roots: [FOLDER],
  });
}

afterEach(async () => {
  await engine.close();
  await simulator.close();
});

async function debug(input: Record<string, unknown> = {}): Promise<{ result: RunResult; events: RunEvent[] }> {
  const run = engine.start(builtInWorkflows.debug, { prompt: PROMPT, ...input });
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return { result: await run.result, events };
}

it('really hangs: the program prints three prices and exits with code 13', async () => {
  await start();
  const failed = promisify(execFile)(process.execPath, ['main.js'], { cwd: FOLDER });
  await expect(failed).rejects.toMatchObject({ code: 13, stdout: 'tea      3.49\ntea      3.49\ntea      3.49\n' });
});

it('finds the planted bug: several steps, verified by places that our tools saw', async () => {
  await start();
  const { result, events } = await debug();
  expect(result.stop).toMatchObject({ kind: 'complete', verified: true, grade: 'observed', gaps: [] });
  expect(result.coverage).toMatchObject({ met: ['symptom', 'root_cause', 'fix'], missing: [] });
  expect(result.text).toContain(BUG);
  expect(result.steps).toBeGreaterThanOrEqual(4);
  expect(result.steps).toBeLessThanOrEqual(15);
  const used = events.flatMap((event) => (event.type === 'tool.started' ? [event.name] : []));
  expect(used).toEqual(expect.arrayContaining(['list_files', 'read_file', 'search_text']));
});

it('gives the same findings with Kimi', async () => {
  await start();
  const { result } = await debug({ provider: 'kimi' });
  expect(result.stop).toMatchObject({ kind: 'complete', verified: true });
  expect(result.text).toContain(BUG);
});

it('does not call a lie complete: certain, but nothing was looked at', async () => {
  await start('lie');
  const { result } = await debug();
  expect(result.confidence.reported).toBe('certain');
  expect(result.stop).not.toMatchObject({ kind: 'complete' });
});

it.each<Mood>(['loop', 'stall', 'prose'])(
  'ends a model that goes on and on (%s), says so, and still hands over an answer',
  async (mood) => {
    await start(mood);
    const { result } = await debug();
    expect(result.stop.kind).toBe('no_progress');
    expect(result.steps).toBeLessThan(50);
    expect(result.text).not.toBe('');
  },
);

it.each<Mood>(['claim-beside-tools', 'claim-in-reasoning', 'early-quit', 'wrong-enum', 'missing-fields', 'empty'])(
  'brings a model that reports badly (%s) to an end with a typed reason',
  async (mood) => {
    await start(mood);
    const { result } = await debug();
    // A turn without text and calls is an error of the provider once its retry is spent.
    expect(['complete', 'no_progress', 'failed']).toContain(result.stop.kind);
    if (result.stop.kind === 'complete' && result.stop.verified) expect(result.text).toContain(BUG);
  },
);
