import { z } from 'zod';
import { describe, expect, it } from 'vitest';

import {
  createEngine,
  defineWorkflow,
  evidenceTool,
  memoryStore,
  type JournalRecord,
  type WorkflowStore,
} from '../src/index.ts';
import { scriptedModel } from '../src/testing/index.ts';
import { done, final, investigation, looks, reports } from './investigation.ts';

async function recordsOf(store: WorkflowStore, id: string): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of store.read(id)) records.push(record as JournalRecord);
  return records;
}

/** Writes a journal as it would be found after a crash. */
async function plant(
  store: WorkflowStore,
  source: WorkflowStore,
  id: string,
  upTo: (record: JournalRecord) => boolean,
): Promise<void> {
  const header = await source.header(id);
  await store.create(header!);
  const records = await recordsOf(source, id);
  const lease = await store.acquire(id, 'planter', 1);
  await store.append(id, 0, records.slice(0, records.findIndex(upTo) + 1), lease!);
  await store.release(lease!);
}

describe('a fork', () => {
  // langgraph PR#7038 and others: time travel must not write into the branch it leaves.
  it('goes on from an earlier record as a new run, and leaves its parent as it is', async () => {
    const store = memoryStore();
    const script = [
      looks('c.ts'),
      looks('a.ts', 'b.ts'),
      done,
      final,
      looks('a.ts', 'b.ts'),
      done,
      { text: 'other answer' },
    ];
    const model = scriptedModel(script);
    const workflow = investigation();
    const engine = createEngine({ model, store, workflows: [workflow] });
    await engine.start(workflow, { prompt: 'go' }, { runId: 'parent' }).result;
    const before = await recordsOf(store, 'parent');
    const atSeq = before.find((record) => record.type === 'step.finished')!.seq;
    const result = await engine.fork('parent', { atSeq, runId: 'child', patch: 'Look at a.ts this time.' }).result;
    expect(result).toMatchObject({ stop: { kind: 'complete', verified: true }, text: 'other answer', steps: 3 });
    expect(await recordsOf(store, 'parent')).toEqual(before);
    expect(await engine.get('child')).toMatchObject({ parent: { runId: 'parent', seq: atSeq }, status: 'finished' });
    expect(JSON.stringify(model.calls[4]?.request.messages)).toContain('Look at a.ts this time.');
    expect((await engine.list({ workflow: 'investigate' })).map(({ runId }) => runId).toSorted()).toEqual([
      'child',
      'parent',
    ]);
  });
});

describe('a replay', () => {
  it('comes to the same decisions, and shows where another policy would differ', async () => {
    const model = scriptedModel(({ request }, index) =>
      request.tools === undefined ? { text: 'x' } : index === 3 ? done : looks(`n${index}`, 'a.ts', 'b.ts'),
    );
    const workflow = investigation();
    const engine = createEngine({ model, workflows: [workflow] });
    await engine.start(workflow, { prompt: 'go' }, { runId: 'run' }).result;
    const calls = model.calls.length;
    expect(await engine.replay('run')).toMatchObject({ identical: true });
    const other = await engine.replay('run', { policy: { safetyLimit: 2 } });
    expect(other.identical).toBe(false);
    expect(other.decisions.find(({ same }) => !same)?.replayed).toMatchObject({
      action: 'stop',
      stop: { kind: 'safety_limit', limit: 2 },
    });
    expect(model.calls).toHaveLength(calls);
  });
});

describe('a resume', () => {
  const effects: string[] = [];
  const act = (onUnknown: 'retry' | 'ask' | 'fail') =>
    defineWorkflow({
      name: 'acting',
      version: 1,
      description: 'Acts once',
      kind: 'workflow',
      input: z.object({ prompt: z.string() }),
      systemPrompt: () => 'Act.',
      prompt: ({ prompt }) => prompt,
      tools: [
        evidenceTool({
          name: 'act',
          description: 'Acts',
          parameters: z.object({}),
          sideEffect: true,
          onUnknown,
          execute: (_args, { idempotencyKey }) => {
            effects.push(idempotencyKey);
            return { content: 'acted', source: 'world' };
          },
        }),
      ],
      requirements: () => [{ id: 'acted', description: 'it was done' }],
    });
  const agent = () =>
    scriptedModel(({ request }) => {
      if (request.tools === undefined) return { text: 'final' };
      const turns = request.messages.filter(({ role }) => role === 'assistant').length;
      return turns === 0
        ? { toolCalls: [{ name: 'act', arguments: {} }] }
        : reports({
            confidence: 'certain',
            next_step_required: false,
            citations: [{ requirement: 'acted', source: 'world' }],
          });
    });

  /** A journal that ends with a call that was started and has no result. */
  async function interrupted(onUnknown: 'retry' | 'ask' | 'fail'): Promise<WorkflowStore> {
    const whole = memoryStore();
    await createEngine({ model: agent(), store: whole }).start(act(onUnknown), { prompt: 'go' }, { runId: 'run' })
      .result;
    const store = memoryStore();
    await plant(store, whole, 'run', ({ type }) => type === 'tool.started');
    effects.length = 0;
    return store;
  }

  it('runs an interrupted call again with the same idempotency key, where the tool allows it', async () => {
    const engine = createEngine({ model: agent(), store: await interrupted('retry'), workflows: [act('retry')] });
    expect((await engine.resume('run').result).stop).toMatchObject({ kind: 'complete', verified: true });
    expect(effects).toEqual(['run:1:0']);
  });

  it('tells the model that the outcome is unknown, where the tool says so', async () => {
    const model = agent();
    const engine = createEngine({ model, store: await interrupted('fail'), workflows: [act('fail')] });
    await engine.resume('run').result;
    expect(effects).toEqual([]);
    expect(JSON.stringify(model.calls[0]?.request.messages)).toContain('whether it took effect is unknown');
  });

  // mastra#4630, #5650: a resume goes on where the run stood, not at the first step.
  it('asks a human, where the tool wants that, and goes on with the answer at that very step', async () => {
    const model = agent();
    const engine = createEngine({ model, store: await interrupted('ask'), workflows: [act('ask')] });
    const waiting = await engine.resume('run').result;
    expect(waiting.stop).toMatchObject({ kind: 'suspended', request: { kind: 'unknown_tool_call' } });
    expect(model.calls).toHaveLength(0);
    const result = await engine.resume('run', { answer: 'It took effect.' }).result;
    expect(effects).toEqual([]);
    expect(result.steps).toBeGreaterThan(1);
    const told = model.calls[0]?.request.messages.find(({ role }) => role === 'tool');
    expect(told?.content).toContain('It took effect.');
  });

  // vercel/workflow PR#3137, dbos-py#688: a journal that fits no run is refused, not guessed at.
  it('refuses a journal that no run of this workflow can have written', async () => {
    const whole = memoryStore();
    const workflow = investigation();
    await createEngine({ model: scriptedModel([looks('a.ts', 'b.ts'), done, final]), store: whole }).start(
      workflow,
      { prompt: 'go' },
      { runId: 'run' },
    ).result;
    const records = await recordsOf(whole, 'run');
    const cut = records.slice(0, 8);
    const variants: [string, JournalRecord[], string][] = [
      [
        'a skipped step',
        cut.map((record) => (record.type === 'step.started' ? { ...record, step: 2 } : record)),
        'NON_DETERMINISTIC',
      ],
      [
        'a result of another tool',
        cut.map((record) => (record.type === 'tool.finished' ? { ...record, name: 'other' } : record)),
        'NON_DETERMINISTIC',
      ],
      [
        'another version of the workflow',
        cut.map((record) => (record.type === 'run.started' ? { ...record, workflowVersion: 9 } : record)),
        'UNSUPPORTED_VERSION',
      ],
      [
        'another workflow',
        cut.map((record) => (record.type === 'run.started' ? { ...record, workflow: 'gone' } : record)),
        'UNKNOWN_TOOL',
      ],
      [
        'a record from the future',
        [...cut, { ...cut[0]!, type: 'run.teleported' as never, seq: 9 }],
        'UNSUPPORTED_VERSION',
      ],
    ];
    for (const [name, changed, code] of variants) {
      const store = memoryStore();
      await store.create((await whole.header('run'))!);
      const lease = await store.acquire('run', 'planter', 1);
      await store.append('run', 0, changed, lease!);
      await store.release(lease!);
      const engine = createEngine({ model: scriptedModel([]), store, workflows: [workflow] });
      await expect(engine.resume('run').result, name).rejects.toMatchObject({ code });
    }
    const engine = createEngine({ model: scriptedModel([]), store: whole });
    await expect(engine.resume('nobody').result).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('is refused while another process drives the run', async () => {
    const store = memoryStore();
    const whole = memoryStore();
    const workflow = investigation();
    await createEngine({ model: scriptedModel([looks('a.ts', 'b.ts'), done, final]), store: whole }).start(
      workflow,
      { prompt: 'go' },
      { runId: 'run' },
    ).result;
    await plant(store, whole, 'run', ({ type }) => type === 'step.finished');
    await store.acquire('run', 'somebody else', 60_000);
    const engine = createEngine({ model: scriptedModel([]), store, workflows: [workflow] });
    await expect(engine.resume('run').result).rejects.toMatchObject({ code: 'LOCKED' });
  });
});

describe('the prompt', () => {
  const big = (size: number, sideEffect = false) =>
    investigation({
      tools: [
        evidenceTool({
          name: 'look',
          description: 'Shows much',
          parameters: z.object({ path: z.string() }),
          sideEffect,
          onUnknown: 'retry',
          execute: ({ path }) => ({ content: `${path} ${'text '.repeat(size / 5)}`, source: path }),
        }),
      ],
      requirements: () => [],
    });
  const steady = () =>
    scriptedModel(({ request }, index) =>
      request.tools === undefined
        ? { text: 'x' }
        : {
            toolCalls: [
              { name: 'look', arguments: { path: `file ${index}` } },
              ...(reports({ findings: `finding ${index} ${'word '.repeat(40)}` }).toolCalls ?? []),
            ],
          },
    );
  const sizes = (model: ReturnType<typeof scriptedModel>): number[] =>
    model.calls.map(({ request }) => JSON.stringify(request.messages).length);

  // hermes-agent#88186, mastra#10013: one copy of each result; and the ancestor's 31 MB of findings at step 20.
  it('grows by the same amount with every step, with one copy of each result', async () => {
    const model = steady();
    await createEngine({ model }).start(big(500), { prompt: 'go' }).result;
    const lengths = sizes(model).slice(0, 50);
    const growth = lengths.slice(1).map((length, index) => length - (lengths[index] ?? 0));
    expect(Math.max(...growth) / Math.min(...growth)).toBeLessThan(1.2);
    const last = JSON.stringify(model.calls[49]?.request.messages);
    expect(last.split('file 7 text').length - 1).toBe(1);
    expect(
      model.calls.every(({ request }) => request.messages.filter(({ role }) => role === 'system').length === 1),
    ).toBe(true);
  });

  it('stays within its budget over 50 large steps, newest results whole', async () => {
    const model = steady();
    const maxPromptTokens = 12_000;
    await createEngine({ model, maxPromptTokens }).start(big(8_000), { prompt: 'go' }).result;
    for (const length of sizes(model)) expect(length / 3.5).toBeLessThan(maxPromptTokens * 1.15);
    const last = JSON.stringify(model.calls[49]?.request.messages);
    expect(last).toContain('file 48 text text');
    expect(last).toContain('finding 48');
  });

  // claude-agent-sdk#289: what was done must never be forgotten.
  it('never drops the result of a side effect', async () => {
    const model = steady();
    await createEngine({ model, maxPromptTokens: 12_000 }).start(
      big(300, true),
      { prompt: 'go' },
      { termination: { safetyLimit: 30 } },
    ).result;
    const last = JSON.stringify(model.calls[29]?.request.messages);
    for (let index = 0; index < 29; index += 1) expect(last).toContain(`file ${index} text`);
  });
});

describe('journals', () => {
  it('hold each record once, in order, and follow from one append per event', async () => {
    const store = memoryStore();
    const engine = createEngine({ model: scriptedModel([looks('a.ts', 'b.ts'), done, final]), store });
    const run = engine.start(investigation(), { prompt: 'go' }, { runId: 'run' });
    const seen: number[] = [];
    for await (const event of run) if (event.type !== 'model.delta') seen.push(event.seq);
    expect(seen).toEqual(seen.map((_, index) => index + 1));
    expect((await recordsOf(store, 'run')).map(({ seq }) => seq)).toEqual(seen);
    const again: number[] = [];
    for await (const event of engine.events('run', { fromSeq: 4 })) again.push(event.seq);
    expect(again).toEqual(seen.slice(3));
  });

  it('are pruned when old and finished', async () => {
    let now = 1_000;
    const engine = createEngine({ model: scriptedModel([looks('a.ts', 'b.ts'), done, final]), clock: () => now });
    await engine.start(investigation(), { prompt: 'go' }, { runId: 'run' }).result;
    expect(await engine.prune({ olderThanMs: 5_000 })).toBe(0);
    now += 10_000;
    expect(await engine.prune({ olderThanMs: 5_000 })).toBe(2);
    expect(await engine.get('run')).toBeUndefined();
  });
});
