import { describe, expect, it } from 'vitest';

import { createEngine, type ModelAsk, type RunEvent, type StartOptions, type Workflow } from '../src/index.ts';
import { scriptedModel, type Reply, type ScriptedModel } from '../src/testing/index.ts';
import { done, final, investigation, looks, reports } from './investigation.ts';

interface Seen {
  readonly stop: unknown;
  readonly steps: number;
  readonly text: string;
  readonly events: RunEvent[];
  readonly model: ScriptedModel;
}

async function play(
  script: readonly Reply[],
  workflow: Workflow = investigation(),
  options: StartOptions = {},
): Promise<Seen> {
  const model = scriptedModel(script);
  const run = createEngine({ model }).start(workflow, { prompt: 'why does total([]) throw?' }, options);
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  const { stop, steps, text } = await run.result;
  expect(model.unused).toBe(0);
  return { stop, steps, text, events, model };
}

const decisions = (events: readonly RunEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'decision' ? [event.action] : []));
const certain = (citations: readonly unknown[]): Reply =>
  reports({ findings: 'it is a bug', confidence: 'certain', next_step_required: false, citations });
const both = [
  { requirement: 'symptom', source: 'b.ts' },
  { requirement: 'cause', source: 'a.ts' },
];

describe('a claim of being done', () => {
  // stella#1477: "complete" with no work behind it.
  it.each([
    ['nothing', []],
    [
      'something never seen',
      [
        { requirement: 'symptom', source: 'b.ts' },
        { requirement: 'cause', source: 'a.ts:1' },
      ],
    ],
    ['a quote that is not there', [{ requirement: 'symptom', source: 'c.ts', quote: 'throws' }]],
    ['the task itself', [{ requirement: 'symptom', source: 'prompt' }]],
  ])('that cites %s does not end as complete', async (_name, citations) => {
    const claim = certain(citations);
    const first = citations.some((citation) => 'quote' in citation) ? [looks('c.ts')] : [];
    const { stop, events } = await play([...first, claim, claim, claim, final]);
    expect(stop).toMatchObject({ kind: 'no_progress', detector: 'unsupported' });
    expect(decisions(events).filter((action) => action === 'verify')).toHaveLength(2);
  });

  it('that cites lines is held to the lines that were shown', async () => {
    const shows = (source: string): Workflow =>
      investigation({
        tools: [{ ...investigation().tools[0]!, execute: async () => ({ content: 'text', source }) }],
        requirements: () => [{ id: 'cause', description: 'c' }],
      });
    const claim = certain([{ requirement: 'cause', source: './a.ts:12' }]);
    expect((await play([looks('a'), claim, final], shows('a.ts:10-20'))).stop).toMatchObject({ verified: true });
    expect((await play([looks('a'), claim, claim, claim, final], shows('a.ts:13-20'))).stop).toMatchObject({
      kind: 'no_progress',
    });
  });

  // evener#360, go-ontology PR#31920: an unmet requirement sends it back, and it may finish then.
  it('with a gap is sent back with the gap, and ends verified when the gap is closed', async () => {
    const { stop, model, events } = await play([
      looks('b.ts'),
      certain([both[0]]),
      looks('a.ts'),
      certain(both),
      final,
    ]);
    expect(stop).toEqual({ kind: 'complete', verified: true, gaps: [], grade: 'observed' });
    expect(JSON.stringify(model.calls[2]?.request.messages.at(-1))).toContain('cause: where it starts');
    expect(decisions(events)).toEqual(['continue', 'continue', 'verify', 'continue', 'stop']);
  });

  it('without a checklist is asked what it rests on, and never counts as verified', async () => {
    const { stop, events } = await play(
      [looks('a.ts'), certain(both), certain(both), certain(both), final],
      investigation({ requirements: () => [] }),
    );
    expect(stop).toEqual({ kind: 'complete', verified: false, gaps: [] });
    expect(decisions(events).filter((action) => action === 'verify')).toHaveLength(2);
  });

  it('beside calls that brought news waits for the model to see them', async () => {
    const beside: Reply = { toolCalls: [...(looks('b.ts').toolCalls ?? []), ...(certain([]).toolCalls ?? [])] };
    const { stop, steps } = await play([beside, looks('a.ts'), certain(both), final]);
    expect(stop).toMatchObject({ kind: 'complete', verified: true });
    expect(steps).toBe(3);
  });

  it('that is not made although everything is there is asked for once, and then not waited for', async () => {
    const quiet = reports({ confidence: 'high', citations: both });
    const { stop, events } = await play([looks('a.ts', 'b.ts'), quiet, quiet, quiet, final]);
    expect(decisions(events).filter((action) => action === 'wrap_up')).toHaveLength(1);
    expect(stop).toMatchObject({ kind: 'complete', verified: true });
  });
});

describe('the literal rule', () => {
  it.each([
    ['very_high', true],
    ['low', false],
  ] as const)('takes %s with next_step_required %s as the end, unchecked', async (confidence, next_step_required) => {
    const { stop, steps } = await play([reports({ confidence, next_step_required }), final], investigation(), {
      termination: { mode: 'literal' },
    });
    expect(stop).toEqual({ kind: 'complete', verified: false, gaps: [] });
    expect(steps).toBe(1);
  });

  it('goes on below that', async () => {
    const { steps } = await play(
      [reports({ confidence: 'high' }), reports({ confidence: 'certain' }), final],
      investigation(),
      { termination: { mode: 'literal' } },
    );
    expect(steps).toBe(2);
  });
});

describe('a turn without a claim', () => {
  // Kimi-K2#81: text without a call is not the end.
  it.each<[string, Reply]>([
    ['text alone', { text: 'I think it is reduce.' }],
    ['nothing at all', {}],
    ['reasoning alone', { reasoning: 'hm, reduce without a start value' }],
  ])('%s gets a word, not the end', async (_name, turn) => {
    const { stop, events, model } = await play([turn, looks('a.ts', 'b.ts'), done, final]);
    expect(stop).toMatchObject({ kind: 'complete', verified: true });
    expect(decisions(events)[1]).toBe('nudge');
    expect(model.calls[1]?.request.messages.at(-1)?.role).toBe('user');
  });

  it('repeated ends as a monologue', async () => {
    const talk = Array.from({ length: 9 }, (_, index): Reply => ({
      text: `Let me think ${index}`,
      reasoning: 'the same thought',
    }));
    const { stop } = await play([...talk, final]);
    expect(stop).toMatchObject({ kind: 'no_progress', detector: 'monologue' });
  });

  // GLM and Kimi want their reasoning back.
  it('keeps the reasoning of earlier turns in the prompt', async () => {
    const { model } = await play([{ ...looks('a.ts', 'b.ts'), reasoning: 'first a, then b' }, done, final]);
    expect(model.calls[1]?.request.messages).toContainEqual(
      expect.objectContaining({ role: 'assistant', reasoning: 'first a, then b' }),
    );
  });
});

describe('a claim is read from', () => {
  const json = JSON.stringify({ findings: 'f', confidence: 'certain', next_step_required: false, citations: both });
  it.each<[string, Reply, string]>([
    ['the text', { text: `Here it is:\n${json}` }, 'text'],
    [
      'a fenced block with a trailing comma and single quotes',
      {
        text: `\`\`\`json\n{'findings': 'f', 'confidence': 'certain', 'next_step_required': false, 'citations': ${JSON.stringify(both)},}\n\`\`\``,
      },
      'text',
    ],
    ['a text cut off in the middle', { text: `Report: ${json.slice(0, -2)}` }, 'text'],
    ['the last of several objects', { text: `{"note": {"x": "}"}} and then ${json}` }, 'text'],
    ['reasoning when there is nothing else', { reasoning: `so: ${json}` }, 'reasoning'],
    [
      'a level in other letters',
      reports({ confidence: ' Very High ', next_step_required: false, citations: both }),
      'report_step',
    ],
  ])('%s', async (_name, turn, via) => {
    const { stop, events } = await play([looks('a.ts', 'b.ts'), turn, final]);
    expect(events.filter((event) => event.type === 'claim')).toMatchObject([{ via }]);
    expect(stop).toMatchObject({ kind: 'complete', verified: true });
  });

  // claude-code#67311: 395 schema retries.
  it.each([
    ['a wrong level', { confidence: 'pretty sure', next_step_required: false }],
    ['missing fields', { findings: undefined, next_step_required: undefined }],
    ['findings over the limit', { findings: 'x'.repeat(50_001) }],
    ['a string where a list belongs', { citations: 'a.ts' }],
  ])('%s is asked for again at most twice, with the reason', async (_name, change) => {
    const bad = reports(change);
    const { events, stop, model } = await play(
      [bad, bad, bad, final],
      investigation({ termination: { ladder: ['stop'] } }),
    );
    expect(events.filter((event) => event.type === 'claim.rejected')).toHaveLength(3);
    expect(decisions(events).filter((action) => action === 'repair')).toHaveLength(2);
    expect(stop).not.toMatchObject({ kind: 'complete' });
    expect(JSON.stringify(model.calls[1]?.request.messages.at(-1))).toContain('could not be read');
  });

  it('a mended report counts', async () => {
    const { stop } = await play([looks('a.ts', 'b.ts'), reports({ confidence: 'sure' }), done, final]);
    expect(stop).toMatchObject({ kind: 'complete', verified: true });
  });
});

describe('a reviewer', () => {
  const reviewed = (change: Parameters<typeof investigation>[0]): Workflow => investigation(change);
  async function withReviewer(
    reviews: readonly Reply[],
    role: 'expert' | 'judge',
    agent: readonly Reply[],
  ): Promise<Seen & { readonly reviewer: ScriptedModel; readonly asks: ModelAsk[] }> {
    const model = scriptedModel(agent);
    const reviewer = scriptedModel(reviews, { provider: 'kimi', modelId: 'reviewer' });
    const asks: ModelAsk[] = [];
    const engine = createEngine({
      models: (ask) => {
        asks.push(ask);
        return ask.role === 'agent' ? model : reviewer;
      },
    });
    const run = engine.start(reviewed({ [role]: true, defaultProvider: 'glm' }), { prompt: 'why?' });
    const events: RunEvent[] = [];
    for await (const event of run) events.push(event);
    const { stop, steps, text } = await run.result;
    return { stop, steps, text, events, model, reviewer, asks };
  }
  const work = [looks('a.ts', 'b.ts'), done];
  const agrees: Reply = { text: '{"ok": true, "gaps": [], "reason": "supported"}' };
  const refuses: Reply = { text: '{"ok": false, "gaps": ["no test was run"], "reason": "untested"}' };

  it.each(['expert', 'judge'] as const)(
    'that agrees (%s) lets the run end, after one call to the other vendor',
    async (role) => {
      const { stop, reviewer, asks } = await withReviewer([agrees], role, [...work, final]);
      expect(stop).toMatchObject({ kind: 'complete', verified: true });
      expect(reviewer.calls).toHaveLength(1);
      expect(asks).toContainEqual({ tool: 'investigate', role, provider: 'kimi' });
    },
  );

  it('that refuses sends the run back with its gaps, and looks again at new findings', async () => {
    const better = reports({
      findings: 'with a test',
      confidence: 'certain',
      next_step_required: false,
      citations: both,
    });
    const { stop, model } = await withReviewer([refuses, agrees], 'expert', [...work, better, final]);
    expect(stop).toMatchObject({ kind: 'complete', verified: true });
    expect(JSON.stringify(model.calls[2]?.request.messages.at(-1))).toContain('no test was run');
  });

  // codex#37937: a gate that always blocks must not trap the run.
  it('that always refuses is overridden after two requests, visibly', async () => {
    const { stop, reviewer } = await withReviewer([refuses], 'expert', [...work, done, done, final]);
    expect(stop).toMatchObject({ kind: 'complete', verified: false, gaps: ['no test was run'] });
    expect(reviewer.calls).toHaveLength(1);
  });

  // OpenManus PR#813, claude-code#2956: a failure, or nothing, is neither agreement nor feedback.
  it.each<[string, Reply]>([
    ['fails', { error: new Error('HTTP 500') }],
    ['says nothing', { text: '' }],
    ['answers in prose', { text: 'Looks good to me!' }],
  ])(
    'that %s is unknown: it neither ends nor restarts the work, and nothing is verified by it',
    async (_name, reply) => {
      const { stop, steps, events } = await withReviewer([reply], 'judge', [...work, final]);
      expect(events.filter((event) => event.type === 'verdict')).toMatchObject([{ ok: 'unknown' }]);
      expect(stop).toMatchObject({ kind: 'complete', verified: false });
      expect(steps).toBe(2);
    },
  );

  it('is not asked when the caller wants none', async () => {
    const model = scriptedModel([...work, final]);
    const workflow = investigation({ expert: true });
    const run = createEngine({ model }).start(workflow, { prompt: 'why?', use_assistant_model: false });
    expect((await run.result).stop).toMatchObject({ kind: 'complete' });
    expect(model.unused).toBe(0);
  });
});
