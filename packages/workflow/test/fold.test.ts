import { describe, expect, it } from 'vitest';

import { fold, turnChars } from '../src/apply-record.ts';
import type { CallPurpose, RecordBody } from '../src/journal.ts';
import type { RunState } from '../src/run-state.ts';
import { answered, asked, claimed, journalOf, saw, started } from './journal-records.ts';

const after = (...bodies: readonly RecordBody[]): RunState => fold(journalOf(started(), ...bodies));

const failedAt = (purpose: CallPurpose, member?: string): RecordBody => ({
  type: 'model.failed',
  step: 1,
  purpose,
  error: { name: 'ProviderError', message: 'gone' },
  ...(member !== undefined && { member }),
});

const look = (id: string): { id: string; name: string; arguments: unknown } => ({
  id,
  name: 'look',
  arguments: { id },
});

const toolEnds = (index: number, content: string): RecordBody => ({
  type: 'tool.finished',
  step: 1,
  index,
  callId: 'c',
  name: 'look',
  content,
  isError: false,
  print: content,
  soft: content,
  sideEffect: false,
});

describe('a call that failed', () => {
  it('ends the run only where it was a step', () => {
    expect(after(asked(1), failedAt('step')).failed).toMatchObject({ message: 'gone' });
    for (const purpose of ['final', 'expert', 'judge', 'panel'] as const)
      expect(after(failedAt(purpose)).failed).toBeUndefined();
  });

  it('leaves an empty final text, and counts as an answer of its panel member', () => {
    expect(after(failedAt('final')).finalText).toBe('');
    expect([...after(failedAt('panel', 'glm'), failedAt('panel')).panel]).toEqual(['glm', '']);
  });

  it('is no longer open', () => {
    expect(after(asked(1)).openCalls.size).toBe(1);
    expect(after(asked(1), failedAt('step')).openCalls.size).toBe(0);
  });
});

describe('an answer', () => {
  it('of a panel member is evidence under its name', () => {
    const { evidence, turns, panel, lastModel } = after(
      answered(0, { purpose: 'panel', member: 'kimi', text: 'yes' }),
      answered(0, { purpose: 'panel', text: 'no' }),
    );
    expect(evidence.map(({ source }) => source)).toEqual(['prompt', 'panel:kimi', 'panel:']);
    expect(turns).toMatchObject([{ kind: 'user', text: 'Answer of kimi (source panel:kimi):\nyes' }, { kind: 'user' }]);
    expect([...panel]).toEqual(['kimi', '']);
    expect(lastModel).toBeUndefined();
  });

  it.each<CallPurpose>(['expert', 'judge'])('of an %s is no turn of the dialogue', (purpose) => {
    const state = after(answered(1, { purpose }));
    expect(state.turns).toEqual([]);
    expect(state.rounds).toEqual([]);
    expect(state.lastModel).toBeUndefined();
  });

  it('brings the sources of its web search as evidence, as far as they have an address', () => {
    const { sources, evidence } = after(
      answered(1, {
        sources: [
          { url: 'https://a.example', title: 'A', content: 'text' },
          { url: 'https://b.example' },
          { title: 'C' },
        ],
      }),
    );
    expect(sources).toHaveLength(3);
    expect(evidence.slice(1).map(({ source, text }) => [source, text])).toEqual([
      ['https://a.example', 'A text'],
      ['https://b.example', ''],
    ]);
  });
});

describe('evidence', () => {
  it('counts once, and what says the same again counts weakly', () => {
    const same = Array.from({ length: 100 }, (_, n) => `word${String.fromCharCode(97 + (n % 26))}${n}`).join(' ');
    const { rounds } = after(
      answered(1),
      saw(1, { source: 'a.ts', key: '1', text: same }, { source: 'a.ts', key: '1', text: same }),
      saw(1, { source: 'a.ts', key: '2', text: `${same} and more` }, { source: 'b.ts', key: '3', text: same }),
    );
    expect(rounds[0]).toMatchObject({ novel: 2, weak: 1 });
  });

  it('of a place that has said much already is weak, however new', () => {
    const words = (n: number): string => Array.from({ length: 12 }, (_, i) => `w${n * 100 + i}`).join(' ');
    const items = Array.from({ length: 8 }, (_, n) => ({ source: 'log', key: `${n}`, text: words(n) }));
    expect(after(answered(1), saw(1, ...items)).rounds[0]).toMatchObject({ novel: 6, weak: 2 });
  });

  it('before any answer is kept, and belongs to no round', () => {
    const { evidence, rounds } = after(saw(0, { source: 'a.ts' }));
    expect(evidence).toHaveLength(2);
    expect(rounds).toEqual([]);
  });
});

describe('a claim', () => {
  it('backs a requirement by what was really seen', () => {
    const { claims, backed } = after(
      answered(1),
      saw(1, { source: 'a.ts' }),
      claimed(1, [
        { requirement: 'cause', source: 'a.ts' },
        { source: 'a.ts', quote: 'text of' },
        { requirement: 'symptom', source: 'never.ts' },
        { requirement: 'symptom', source: 'prompt' },
      ]),
    );
    expect(claims[0]).toMatchObject({ valid: 2, p: 0.9 });
    expect([...backed.keys()]).toEqual(['cause', 'symptom']);
  });

  it('before any answer is kept; so is one that cannot be read', () => {
    expect(after(claimed(1)).claims).toHaveLength(1);
    expect(after({ type: 'claim.rejected', step: 1, error: 'no JSON' }).rounds).toEqual([]);
    expect(after(answered(1), { type: 'claim.rejected', step: 1, error: 'no JSON' }).rounds[0]?.rejected).toBe(
      'no JSON',
    );
  });

  it('gives a verdict the findings it is about', () => {
    const verdict: RecordBody = { type: 'verdict', step: 1, by: 'judge', ok: true, text: '', gaps: [] };
    expect(after(verdict).verdicts[0]?.findings).toBe('');
    expect(after(answered(1), claimed(1), verdict).verdicts[0]?.findings).toBe('It throws.');
  });
});

describe('the end of a step', () => {
  it('gives every call of the answer a result', () => {
    const { turns, openStep } = after(
      answered(1, { toolCalls: [look('c0'), look('c1'), { id: 'c2', name: 'report_step', arguments: {} }] }),
      toolEnds(0, 'seen'),
      { type: 'step.finished', step: 1 },
    );
    expect(turns.slice(1)).toMatchObject([
      { callId: 'c0', content: 'seen' },
      { callId: 'c1', content: 'not run' },
      { callId: 'c2', content: 'noted' },
    ]);
    expect(openStep).toBeUndefined();
  });

  it('without an answer changes nothing', () => {
    expect(after({ type: 'step.finished', step: 1 }).turns).toEqual([]);
  });
});

describe('a run that goes on', () => {
  const budget = { tokens: 100, usd: 1 };

  it.each<[string, Extract<RecordBody, { type: 'run.resumed' }>, object]>([
    ['nothing', { type: 'run.resumed' }, { budget, grantedSteps: 0, deadlineAt: 5000 }],
    ['steps', { type: 'run.resumed', grant: { steps: 3 } }, { budget, grantedSteps: 3 }],
    ['tokens', { type: 'run.resumed', grant: { tokens: 50 } }, { budget: { tokens: 150, usd: 1 }, grantedSteps: 0 }],
    ['money', { type: 'run.resumed', grant: { usd: 0.5 } }, { budget: { tokens: 100, usd: 1.5 } }],
    ['time', { type: 'run.resumed', grant: { deadlineAt: 9000 } }, { budget, deadlineAt: 9000 }],
  ])('is granted %s', (_, resumed, state) => {
    expect(fold(journalOf(started({ budget, deadlineAt: 5000 }), resumed))).toMatchObject(state);
  });

  it('without a budget gets none by a grant', () => {
    expect(after({ type: 'run.resumed', grant: { tokens: 50, usd: 1 } }).budget).toEqual({});
  });

  it('hears the answer, unless a call still waits for its result', () => {
    const resumed: RecordBody = { type: 'run.resumed', answer: 'Yes, do.' };
    expect(after(resumed).turns).toMatchObject([{ kind: 'user', text: 'Yes, do.' }]);
    expect(after(answered(1, { toolCalls: [look('c')] }), resumed).turns).toHaveLength(1);
  });
});

describe('the size of a turn', () => {
  it('counts its texts, its calls and a frame around each', () => {
    expect(turnChars({ kind: 'user', step: 1, text: 'abc' })).toBe(83);
    const tool = { kind: 'tool', step: 1, callId: 'c', name: 'look', content: 'abcd', sideEffect: false } as const;
    expect(turnChars(tool)).toBe(88);
    const toolCalls = [
      { id: 'a', name: 'look', arguments: {}, raw: '{ }' },
      { id: 'b', name: 'look', arguments: { a: 1 } },
      { id: 'c', name: 'look', arguments: undefined },
    ];
    expect(turnChars({ kind: 'assistant', step: 1, text: 'ab', reasoning: 'c', toolCalls })).toBe(
      83 + 3 * 84 + 3 + 7 + 4,
    );
  });
});
