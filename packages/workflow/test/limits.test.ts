import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import { createEngine, decide, memoryStore, type JournalRecord, type Plan, type RunEvent } from '../src/index.ts';
import { scriptedModel, type Reply } from '../src/testing/index.ts';
import { done, final, investigation, looks } from './investigation.ts';

/** An agent that always finds something new and never says that it is finished. */
const tireless = (): ReturnType<typeof scriptedModel> =>
  scriptedModel(({ request }, index) =>
    request.tools === undefined ? { text: 'what is known so far' } : looks(`new${index}.ts`),
  );

/** A workflow whose tool has something new every time. */
const endless = investigation({
  tools: [
    {
      name: 'look',
      description: 'Shows a file',
      parameters: investigation().tools[0]!.parameters,
      needsRoots: false,
      sideEffect: false,
      onUnknown: 'retry',
      execute: async (args) => ({ content: `content of ${JSON.stringify(args)}`, source: JSON.stringify(args) }),
    },
  ],
});

async function recordsOf(store: ReturnType<typeof memoryStore>, id: string): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of store.read(id)) records.push(record as JournalRecord);
  return records;
}

const PLAN: Plan = {
  kind: 'workflow',
  requirements: [],
  expert: false,
  judge: false,
  estimate: () => ({ tokens: 10, finalTokens: 10 }),
};

describe('the safety limit', () => {
  // vercel/ai#13075, openai-agents-python#844: a stop at the cap must still hand over an answer.
  it('ends an endless run after exactly 50 steps with an answer written without tools', async () => {
    const model = tireless();
    const result = await createEngine({ model }).start(endless, { prompt: 'go' }).result;
    expect(result.stop).toEqual({ kind: 'safety_limit', limit: 50 });
    expect(result.steps).toBe(50);
    expect(result.text).toBe('what is known so far');
    expect(model.calls).toHaveLength(51);
    expect(model.calls.at(-1)?.request.tools).toBeUndefined();
  });

  // mastra PR#9762: a counter that stays at 0 never stops anything.
  it.each([1, 3, 6])('counts from the journal: a limit of %i allows as many steps', async (safetyLimit) => {
    const result = await createEngine({ model: tireless() }).start(
      endless,
      { prompt: 'go' },
      { termination: { safetyLimit } },
    ).result;
    expect(result.steps).toBe(safetyLimit);
    expect(result.stop).toEqual({ kind: 'safety_limit', limit: safetyLimit });
  });

  // The AI SDK's isStepCount compares with ===: a run that is past the limit must stop too.
  it('stops a run that is already past the limit', async () => {
    const store = memoryStore();
    await createEngine({ model: tireless(), store }).start(
      endless,
      { prompt: 'go' },
      { runId: 'run', termination: { safetyLimit: 7 } },
    ).result;
    const records = await recordsOf(store, 'run');
    const policy = { ...records.find((record) => record.type === 'run.started')!.policy, safetyLimit: 5 };
    const prefix = records.slice(0, records.findLastIndex((record) => record.type === 'step.finished') + 1);
    expect(decide(prefix, { ...PLAN, policy }, 0)).toMatchObject({
      action: 'stop',
      stop: { kind: 'safety_limit', limit: 5 },
    });
  });

  // mastra#10621: the limit must not be silent.
  it('is seen as a decision and as the reason of the end', async () => {
    const run = createEngine({ model: tireless() }).start(
      endless,
      { prompt: 'go' },
      { termination: { safetyLimit: 2 } },
    );
    const events: RunEvent[] = [];
    for await (const event of run) events.push(event);
    expect(events.filter((event) => event.type === 'decision').at(-1)).toMatchObject({
      action: 'stop',
      because: [{ name: 'safety_limit' }],
    });
    expect(events.at(-1)).toMatchObject({ type: 'run.finished', stop: { kind: 'safety_limit' } });
  });

  // langgraph#5548: finished in the very step of the limit is finished.
  test.prop([fc.integer({ min: 0, max: 12 })])(
    'never turns a run that finishes in its last step into a stopped one',
    async (extra) => {
      const script: Reply[] = [
        ...Array.from({ length: extra }, (_, index) => looks(`x${index}`)),
        looks('a.ts', 'b.ts'),
        done,
        final,
      ];
      const result = await createEngine({ model: scriptedModel(script) }).start(
        investigation({ termination: { errors: 50, stall: 50, cycles: 0, stagnation: 50 } }),
        { prompt: 'go' },
        { termination: { safetyLimit: extra + 2 } },
      ).result;
      expect(result.stop).toMatchObject({ kind: 'complete', verified: true });
      expect(result.steps).toBe(extra + 2);
    },
  );

  // LangGraph JS, measured: the limit came back with every invoke (25, then 27 more).
  it('counts over resumes: without more room a resume makes no step, and with 20 more exactly 20', async () => {
    const model = tireless();
    const engine = createEngine({ model, workflows: [endless] });
    await engine.start(endless, { prompt: 'go' }, { runId: 'run' }).result;
    const again = await engine.resume('run').result;
    expect(again).toMatchObject({ stop: { kind: 'safety_limit', limit: 50 }, steps: 50, text: 'what is known so far' });
    expect(model.calls).toHaveLength(51);
    const more = await engine.resume('run', { grant: { steps: 20 } }).result;
    expect(more).toMatchObject({ stop: { kind: 'safety_limit', limit: 70 }, steps: 70 });
  });

  // Aether#1236: at the cap tools are gone, and a call made all the same is not run.
  it('runs no tool that is called in the final answer', async () => {
    let ran = 0;
    const spy = { ...endless.tools[0]!, execute: async () => ({ content: `${(ran += 1)}`, source: `${ran}` }) };
    const model = scriptedModel(({ request }) =>
      request.tools === undefined ? { ...looks('late.ts'), text: 'answer' } : looks('a.ts'),
    );
    const result = await createEngine({ model }).start(
      investigation({ tools: [spy] }),
      { prompt: 'go' },
      { termination: { safetyLimit: 2 } },
    ).result;
    expect(ran).toBe(2);
    expect(result.text).toBe('answer');
  });

  // agent-kit#196, #291: re-entering must not run anything twice; many steps of one name must not collide.
  it('joins a run that is started twice, and carries 60 steps of the same name', async () => {
    const model = tireless();
    const engine = createEngine({ model });
    const [first, second] = [1, 2].map(() =>
      engine.start(endless, { prompt: 'go' }, { runId: 'run', termination: { safetyLimit: 60 } }),
    );
    expect(await first!.result).toEqual(await second!.result);
    expect(model.calls).toHaveLength(61);
    expect((await engine.start(endless, { prompt: 'go' }, { runId: 'run' }).result).steps).toBe(60);
    expect(model.calls).toHaveLength(61);
    await expect(engine.start(endless, { prompt: 'other' }, { runId: 'run' }).result).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });
});

describe('budgets', () => {
  const usage = { inputTokens: 1_000, outputTokens: 100 };
  const counted = (): ReturnType<typeof scriptedModel> =>
    scriptedModel(({ request }, index) => ({
      ...(request.tools === undefined ? { text: 'best' } : looks(`n${index}`)),
      usage,
      cost: 0.01,
    }));

  // PraisonAI#2314: checked after the call is too late.
  it('reserves tokens before each call, keeps room for the final answer, and never spends more', async () => {
    const result = await createEngine({ model: counted() }).start(
      endless,
      { prompt: 'go' },
      { budget: { tokens: 12_000 } },
    ).result;
    expect(result.stop).toEqual({ kind: 'budget', unit: 'tokens' });
    expect(result.usage.totalTokens).toBeLessThanOrEqual(12_000);
    expect(result.usage.totalTokens).toBeGreaterThan(6_000);
    expect(result.text).toBe('best');
  });

  it('makes no call at all when the first one does not fit', async () => {
    const model = counted();
    const result = await createEngine({ model }).start(endless, { prompt: 'go' }, { budget: { tokens: 10 } }).result;
    expect(result.stop).toEqual({ kind: 'budget', unit: 'tokens' });
    expect(model.calls).toHaveLength(0);
  });

  // apache/airflow PR#71403: an unknown price is a policy, not a hole.
  it.each([
    ['deny', { kind: 'budget', unit: 'usd' }, 0],
    ['warn', { kind: 'safety_limit', limit: 3 }, 3],
  ] as const)('with an unknown price and %s ends as %o', async (onUnknownPrice, stop, steps) => {
    const free = scriptedModel(({ request }, index) =>
      request.tools === undefined ? { text: 'x' } : looks(`n${index}`),
    );
    const result = await createEngine({ model: free }).start(
      endless,
      { prompt: 'go' },
      { budget: { usd: 1, onUnknownPrice }, termination: { safetyLimit: 3 } },
    ).result;
    expect(result.stop).toEqual(stop);
    expect(result.steps).toBe(steps);
  });

  it('keeps a budget in USD by the price of the model', async () => {
    const model = scriptedModel(
      ({ request }, index) => ({
        ...(request.tools === undefined ? { text: 'x' } : looks(`n${index}`)),
        usage,
        cost: 0.01,
      }),
      { info: { price: { input: 10, output: 10 } } },
    );
    const result = await createEngine({ model }).start(endless, { prompt: 'go' }, { budget: { usd: 0.15 } }).result;
    expect(result.stop).toEqual({ kind: 'budget', unit: 'usd' });
    expect(result.usage.costUsd).toBeLessThanOrEqual(0.15);
    expect(result.steps).toBeGreaterThan(3);
  });

  it('ends at the deadline with what there is, while a call is still under way', async () => {
    const model = scriptedModel((_call, index) =>
      index === 0 ? looks('a.ts') : { text: 'late', gate: new Promise(() => undefined) },
    );
    const run = createEngine({ model }).start(endless, { prompt: 'go' }, { deadlineAt: Date.now() + 120 });
    expect((await run.result).stop).toEqual({ kind: 'deadline' });
  });
});
