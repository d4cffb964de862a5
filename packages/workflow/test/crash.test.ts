import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, it } from 'vitest';

import {
  createEngine,
  fileStore,
  memoryStore,
  WorkflowError,
  type JournalRecord,
  type WorkflowStore,
} from '../src/index.ts';
import { fileNotes, STEPS, tenStepModel, tenSteps } from './ten-steps.ts';

const folders: string[] = [];
afterAll(async () => {
  for (const dir of folders) await rm(dir, { recursive: true, force: true });
});

async function recordsOf(store: WorkflowStore, id: string): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of store.read(id)) records.push(record as JournalRecord);
  return records;
}

/** What must be true of a journal and its notes after a crash and a resume. */
function check(before: readonly JournalRecord[], after: readonly JournalRecord[], notes: readonly string[]): void {
  // Nothing lost, nothing changed, nothing doubled.
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.map(({ seq }) => seq)).toEqual(after.map((_, index) => index + 1));
  expect(after.filter(({ type }) => type === 'run.finished')).toHaveLength(1);
  const steps = after.filter((record) => record.type === 'step.started' && record.purpose === 'step');
  expect(steps.map((record) => record.type === 'step.started' && record.step)).toEqual(
    Array.from({ length: STEPS }, (_, index) => index + 1),
  );
  // A call whose result was written before the crash did not run again.
  for (const record of before) {
    if (record.type === 'tool.finished')
      expect(notes.filter((line) => line.startsWith(`act ${record.step} `))).toHaveLength(1);
    if (record.type === 'model.finished' && record.purpose === 'step') {
      expect(notes.filter((line) => line === `model ${record.step}`)).toHaveLength(1);
    }
  }
  // A call in flight may run twice, with the same idempotency key.
  for (let part = 1; part < STEPS; part += 1) {
    const ran = notes.filter((line) => line.startsWith(`act ${part} `));
    expect(ran.length).toBeGreaterThanOrEqual(1);
    expect(new Set(ran).size).toBe(1);
  }
}

/** A store that stops working at the given append, before or after it takes effect. */
function failing(inner: WorkflowStore, at: number, after: boolean): WorkflowStore {
  let count = 0;
  return {
    ...inner,
    append: async (id, expected, records, lease) => {
      count += id === 'run' ? 1 : 0;
      if (count > at || (count === at && !after)) throw new WorkflowError('STORE_FAILED', 'crashed');
      const seq = await inner.append(id, expected, records, lease);
      if (count === at) throw new WorkflowError('STORE_FAILED', 'crashed');
      return seq;
    },
    release: async () => undefined,
    close: async () => undefined,
  };
}

async function crashAt(at: number, after: boolean): Promise<boolean> {
  let now = 1_000;
  const clock = (): number => now;
  const inner = memoryStore(clock);
  const notes: string[] = [];
  const note = (line: string): number => notes.push(line);
  const workflow = tenSteps(note);
  const first = createEngine({ model: tenStepModel(note), store: failing(inner, at, after), clock });
  const crashed = await first.start(workflow, { prompt: 'go' }, { runId: 'run' }).result.then(
    () => false,
    () => true,
  );
  if (!crashed) return false;
  now += 60_000;
  const before = await recordsOf(inner, 'run');
  const second = createEngine({ model: tenStepModel(note), store: inner, clock, workflows: [workflow] });
  if (before.length === 0) {
    await expect(second.resume('run').result).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    return true;
  }
  const finished = before.at(-1)?.type === 'run.finished';
  const run = finished ? second.start(workflow, { prompt: 'go' }, { runId: 'run' }) : second.resume('run');
  expect((await run.result).stop).toMatchObject({ kind: 'complete', verified: true });
  check(before, await recordsOf(inner, 'run'), notes);
  return true;
}

/** The child as one file, so that each of many starts is quick. */
async function bundleChild(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'exai-kill-child-'));
  folders.push(dir);
  const { buildSync } = createRequire(createRequire(import.meta.url).resolve('tsup'))('esbuild');
  const outfile = join(dir, 'child.mjs');
  const entry = fileURLToPath(new URL('./kill-child.ts', import.meta.url));
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@exai/source'],
    banner,
  });
  return outfile;
}

/** Records of a run that nothing disturbs. */
async function countRecords(): Promise<number> {
  const store = memoryStore();
  const ignore = (): undefined => undefined;
  await createEngine({ model: tenStepModel(ignore), store }).start(tenSteps(ignore), { prompt: 'go' }, { runId: 'run' })
    .result;
  return (await recordsOf(store, 'run')).length;
}

describe('a run of ten steps', () => {
  it('goes on after a crash at every append, before it and after it, without running a completed step again', async () => {
    let at = 1;
    while ((await crashAt(at, false)) && (await crashAt(at, true))) at += 1;
    expect(at).toBeGreaterThan(50);
  });

  it('goes on after SIGKILL at journal records on the disk', { timeout: 600_000 }, async () => {
    const child = await bundleChild();
    const total = await countRecords();
    const every = process.env['EXAI_PROOF'] === 'full' ? 1 : 17;
    for (let limit = 1; limit < total; limit += every) {
      const dir = await mkdtemp(join(tmpdir(), 'exai-kill-'));
      folders.push(dir);
      const signal = await new Promise((resolve) => {
        spawn(process.execPath, [child, dir, String(limit)], { stdio: 'inherit' }).on('exit', (_code, by) =>
          resolve(by),
        );
      });
      expect(signal).toBe('SIGKILL');
      const note = fileNotes(join(dir, 'notes'));
      const store = fileStore(join(dir, 'store'));
      const before = await recordsOf(store, 'run');
      expect(before.length).toBeGreaterThanOrEqual(limit);
      const engine = createEngine({ model: tenStepModel(note), store });
      const workflow = tenSteps(note);
      const run = engine.start(workflow, { prompt: 'go' }, { runId: 'run' });
      expect((await run.result).stop).toMatchObject({ kind: 'complete', verified: true });
      check(before, await recordsOf(store, 'run'), (await readFile(join(dir, 'notes'), 'utf8')).split('\n'));
      await engine.close();
    }
  });
});
