import { z } from 'zod';
import { describe, expect, it } from 'vitest';

import { createEngine, evidenceTool, type EvidenceTool, type RunEvent, type StartOptions } from '../src/index.ts';
import { scriptedModel, type Reply } from '../src/testing/index.ts';
import { investigation, reports } from './investigation.ts';

/** A tool that answers by a function of the call and its number. */
function answering(
  answer: (args: Record<string, unknown>, call: number) => { content: string; source: string; isError?: boolean },
  more: Partial<EvidenceTool> = {},
): EvidenceTool {
  let calls = 0;
  return {
    ...evidenceTool({
      name: 'ask',
      description: 'Asks',
      parameters: z.looseObject({}),
      execute: (args) => answer(args, (calls += 1)),
    }),
    ...more,
  };
}

const asks = (...args: Record<string, unknown>[]): Reply => ({
  toolCalls: args.map((each) => ({ name: 'ask', arguments: each })),
});

/** Runs an agent that repeats a move, and tells when what was done about it. */
async function watch(
  move: (index: number, told: number) => Reply,
  tool: EvidenceTool,
  options: StartOptions = {},
): Promise<{
  readonly stop: unknown;
  readonly steps: number;
  readonly text: string;
  readonly actions: [number, string, string][];
}> {
  const model = scriptedModel(({ request }, index) => {
    if (request.tools === undefined) return { text: 'final' };
    const told = request.messages.filter(({ role }) => role === 'user').length - 1;
    return move(index, told);
  });
  const run = createEngine({ model }).start(
    investigation({ tools: [tool], requirements: () => [] }),
    { prompt: 'go' },
    options,
  );
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  const { stop, steps, text } = await run.result;
  const actions = events.flatMap((event): [number, string, string][] =>
    event.type === 'decision' && event.action !== 'continue'
      ? [[event.step, event.action, event.because[0]?.name ?? '']]
      : [],
  );
  return { stop, steps, text, actions };
}

const same = answering(() => ({ content: 'the same', source: 'here' }));

describe('a run without progress', () => {
  // vercel/ai#17606, gemini-cli#19958: repetition is its own reason, and a word comes before the end.
  it('is nudged, then given to the other model, then stopped, and still answers', async () => {
    const { stop, actions, text } = await watch(() => asks({ q: 1 }), same);
    expect(actions).toEqual([
      [3, 'nudge', 'cycle'],
      [6, 'escalate', 'cycle'],
      [9, 'stop', 'cycle'],
    ]);
    expect(stop).toEqual({ kind: 'no_progress', detector: 'cycle', period: 1, since: expect.any(Number) });
    expect(text).toBe('final');
  });

  // gemini-for-kubernetes#680, amd/gaia#3750: a loop is never reported as done.
  it('never ends as complete', async () => {
    const { stop } = await watch(
      (index) => ({
        toolCalls: [
          ...(asks({ q: 1 }).toolCalls ?? []),
          ...(reports({ findings: `found ${index}`, confidence: 'certain' }).toolCalls ?? []),
        ],
      }),
      same,
    );
    expect(stop).toMatchObject({ kind: 'no_progress' });
  });

  it.each([2, 3, 5, 6])('notices a cycle of period %i within 8 steps of its beginning', async (period) => {
    const { actions } = await watch(
      (index) => asks({ q: index % period }),
      answering(({ q }) => ({ content: `answer ${String(q)}`, source: `place ${String(q)}` })),
    );
    const [step] = actions[0] ?? [99];
    expect(step - period).toBeLessThanOrEqual(8);
  });

  // rockbot#464: ids and times in results hide a loop.
  it('notices a loop whose arguments and results carry new ids and times each time', async () => {
    const uuid = (n: number): string => `${String(n).padStart(8, '0')}-1234-4abc-8def-0123456789ab`;
    const noisy = answering((_args, call) => ({
      content: `nothing new (${uuid(call)}, 2026-01-02T03:04:0${call % 10}Z, ${call * 7} ms)`,
      source: 'here',
    }));
    const { actions } = await watch((index) => asks({ q: 'x', request_id: `req-${index}a` }), noisy);
    expect(actions[0]).toEqual([3, 'nudge', 'cycle']);
  });

  // stella#2543: arguments vary, the answer never does.
  it('notices different questions that get the same answer', async () => {
    const { actions } = await watch(
      (index) => asks({ q: `word ${index}` }),
      answering(() => ({ content: 'no matches', source: 'src' })),
    );
    expect(actions[0]?.[2]).toBe('stagnation');
    expect(actions[0]?.[0]).toBeLessThanOrEqual(5);
  });

  // OpenHands PR#3663: the same error in slightly different words.
  it('notices an error that comes again with other numbers and names', async () => {
    const broken = answering((_args, call) => ({
      content: `SyntaxError: line ${call * 3} of "file${call}.ts"`,
      source: 'build',
      isError: true,
    }));
    const { actions, stop } = await watch((index) => asks({ try: index }), broken);
    expect(actions[0]).toEqual([3, 'nudge', 'error']);
    expect(stop).toMatchObject({ kind: 'no_progress', detector: 'error' });
  });

  // langgraph#5099: "fixed it", and the same call again.
  it('looks at calls, not at what is said beside them', async () => {
    const { actions } = await watch(
      (index) => ({ ...asks({ q: 1 }), text: `Fixed it, attempt ${index}: now it will work.` }),
      same,
    );
    expect(actions[0]).toEqual([3, 'nudge', 'cycle']);
  });

  // typescript-agent PR#89: a round counts once, however wide it is.
  it.each([
    ['three identical calls in one round are one', () => asks({ q: 1 }, { q: 1 }, { q: 1 }), 3],
    ['a round of three different calls, repeated, is a loop', () => asks({ q: 1 }, { q: 2 }, { q: 3 }), 3],
  ])('%s', async (_name, move, step) => {
    const { actions } = await watch(
      move,
      answering(({ q }) => ({ content: `a ${String(q)}`, source: `p ${String(q)}` })),
    );
    expect(actions[0]?.[0]).toBe(step);
  });

  // openai-agents-js#512: a search that found nothing is asked again.
  it('gets a word about it, and an answer that says what is not known', async () => {
    const { actions, stop, text } = await watch(
      () => asks({ q: 'missing' }),
      answering(() => ({ content: 'no results', source: 'web' })),
    );
    expect(actions[0]?.[1]).toBe('nudge');
    expect(stop).toMatchObject({ kind: 'no_progress' });
    expect(text).toBe('final');
  });

  // OpenHands#5480: after the stop a human may send it on, and the window starts anew.
  it('goes on after a human has answered, with a fresh window', async () => {
    let helped = false;
    const model = scriptedModel(({ request }, index) =>
      request.tools === undefined ? { text: 'final' } : helped ? asks({ q: index }) : asks({ q: 'again' }),
    );
    const workflow = investigation({
      requirements: () => [],
      tools: [answering(({ q }) => ({ content: `about ${String(q)}`, source: String(q) }))],
    });
    const engine = createEngine({ model, workflows: [workflow] });
    const first = await engine.start(workflow, { prompt: 'go' }, { runId: 'run', termination: { safetyLimit: 20 } })
      .result;
    expect(first.stop).toMatchObject({ kind: 'no_progress' });
    helped = true;
    const second = await engine.resume('run', { answer: 'Look at the other files.' }).result;
    expect(second).toMatchObject({ stop: { kind: 'safety_limit', limit: 20 }, steps: 20 });
    expect(JSON.stringify(model.calls.at(-2)?.request.messages)).toContain('Look at the other files.');
  });

  it('waits for a human where it may ask one, and takes the answer', async () => {
    const model = scriptedModel(({ request }) => (request.tools === undefined ? { text: 'final' } : asks({ q: 1 })));
    const workflow = investigation({ requirements: () => [], tools: [same], termination: { ladder: ['ask'] } });
    const engine = createEngine({ model, workflows: [workflow] });
    const run = engine.start(workflow, { prompt: 'go' }, { runId: 'run', canAsk: true });
    expect((await run.result).stop).toMatchObject({ kind: 'suspended', request: { kind: 'no_progress' } });
    const calls = model.calls.length;
    expect((await engine.get('run'))?.status).toBe('suspended');
    const again = await engine.resume('run', { answer: 'try harder' }).result;
    expect(again.stop).toMatchObject({ kind: 'suspended' });
    expect(model.calls.length).toBe(calls + 3);
  });
});

describe('a run that repeats itself for a reason is left alone:', () => {
  // gemini-cli#5873: many files, the same words about each.
  it('40 places with identical answers', async () => {
    const { actions, stop } = await watch(
      (index) => asks({ path: index }),
      answering(({ path }) => ({ content: 'nothing suspicious', source: `file ${String(path)}` })),
      { termination: { safetyLimit: 40 } },
    );
    expect(actions).toEqual([[40, 'stop', 'safety_limit']]);
    expect(stop).toMatchObject({ kind: 'safety_limit' });
  });

  it('the same question with new answers', async () => {
    const { actions } = await watch(
      (index) => asks(index % 2 === 0 ? { edit: index } : { test: 'all' }),
      answering((args, call) =>
        'edit' in args ? { content: 'applied', source: 'a.ts' } : { content: `${30 - call} failing`, source: 'suite' },
      ),
      { termination: { safetyLimit: 12 } },
    );
    expect(actions).toEqual([[12, 'stop', 'safety_limit']]);
  });

  it('a declared poll within its time, and a tool without a loop key', async () => {
    const pending = { content: 'pending', source: 'job' };
    for (const more of [{ poll: { maxMs: 60_000 } }, { loopKey: false as const }]) {
      const { actions } = await watch(
        () => asks({ job: 1 }),
        answering(() => pending, more),
        { termination: { safetyLimit: 15 } },
      );
      expect(actions).toEqual([[15, 'stop', 'safety_limit']]);
    }
  });

  it('but a poll beyond its time is a loop', async () => {
    let now = 0;
    const model = scriptedModel(({ request }) => {
      now += 1_000;
      return request.tools === undefined ? { text: 'final' } : asks({ job: 1 });
    });
    const tool = answering(() => ({ content: 'pending', source: 'job' }), { poll: { maxMs: 5_000 } });
    const engine = createEngine({ model, clock: () => now });
    const result = await engine.start(investigation({ tools: [tool], requirements: () => [] }), { prompt: 'go' })
      .result;
    expect(result.stop).toMatchObject({ kind: 'no_progress', detector: 'cycle' });
    expect(result.steps).toBeGreaterThan(10);
  });

  // stella#632: providers use the same call id in every turn.
  it('different calls that carry the same id', async () => {
    const move = (index: number): Reply => ({ toolCalls: [{ id: 'call_0', name: 'ask', arguments: { q: index } }] });
    const { actions } = await watch(
      move,
      answering(({ q }) => ({ content: `about ${String(q)}`, source: `s${String(q)}` })),
      { termination: { safetyLimit: 10 } },
    );
    expect(actions).toEqual([[10, 'stop', 'safety_limit']]);
  });
});
