import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { builtInWorkflows, createEngine, memoryStore } from '../src/index.ts';
import { scriptedModel, type Reply } from '../src/testing/index.ts';

const base = mkdtempSync(join(tmpdir(), 'exai-run-roots-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function project(name: string): string {
  const path = join(base, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'note.txt'), `this is ${name}\n`);
  return path;
}

const read = (path: string): Reply => ({ toolCalls: [{ name: 'read_file', arguments: { path } }] });

describe('the folders of a run', () => {
  it('are its own, beside runs with others and those of the engine', async () => {
    const [own, first, second] = [project('own'), project('first'), project('second')];
    const seen: string[] = [];
    const model = scriptedModel(({ request }, index) => {
      const answer = request.messages.findLast(({ role }) => role === 'tool');
      if (answer === undefined) return read('note.txt');
      seen.push(JSON.stringify(answer));
      return { text: `done ${index}` };
    });
    const engine = createEngine({ model, roots: [own] });
    const start = (options: object) => engine.start(builtInWorkflows.debug, { prompt: 'why?' }, options).result;
    for (const options of [{ roots: [first] }, {}, { roots: [second] }]) await start(options);
    expect([...new Set(seen.flatMap((text) => /this is \w+/.exec(text) ?? []))]).toEqual([
      'this is first',
      'this is own',
      'this is second',
    ]);
    await engine.close();
  });

  it('are none when none are given, and then no file tools are offered', async () => {
    const model = scriptedModel(() => ({ text: 'done' }));
    const engine = createEngine({ model, roots: [project('own')] });
    await engine.start(builtInWorkflows.debug, { prompt: 'why?' }, { roots: [] }).result;
    expect(JSON.stringify(model.calls[0]?.request.tools)).not.toContain('read_file');
    await engine.close();
  });

  it('are kept by a run that is resumed, by an engine with others, without one that is gone', async () => {
    const [own, first, gone] = [project('own'), project('first'), project('gone')];
    const store = { ...memoryStore(), close: () => Promise.resolve() };
    const held = scriptedModel(() => ({ text: 'never', gate: new Promise(() => undefined) }));
    const before = createEngine({ model: held, store, roots: [own] });
    const run = before.start(builtInWorkflows.debug, { prompt: 'why?' }, { runId: 'r', roots: [gone, first] });
    for await (const event of run) if (event.type === 'step.started') break;
    await before.close();
    rmSync(gone, { recursive: true });
    const seen: string[] = [];
    const model = scriptedModel(({ request }) => {
      const answer = request.messages.findLast(({ role }) => role === 'tool');
      if (answer === undefined) return read('note.txt');
      seen.push(JSON.stringify(answer));
      return { text: 'done' };
    });
    const after = createEngine({ model, store, roots: [own] });
    await after.resume('r').result;
    expect(seen[0]).toContain('this is first');
    await after.close();
  });

  it('that are not there refuse the start, with nothing journaled', async () => {
    const engine = createEngine({ model: scriptedModel([]) });
    const gone = join(base, 'gone');
    expect(() => engine.start(builtInWorkflows.debug, { prompt: 'why?' }, { roots: [gone] })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENTS' }),
    );
    expect(await engine.list()).toEqual([]);
    await engine.close();
  });
});
