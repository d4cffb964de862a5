import { describe, expect, it } from 'vitest';

import { decide, type Decision, type Plan } from '../src/decide.ts';
import type { RecordBody } from '../src/journal.ts';
import { DEFAULT_TERMINATION } from '../src/termination-policy.ts';
import { answered, asked, claimed, journalOf, saw, started } from './journal-records.ts';

const REQUIREMENTS = [
  { id: 'symptom', description: 'where it shows' },
  { id: 'cause', description: 'where it starts' },
];
const PLAN: Plan = {
  kind: 'workflow',
  requirements: REQUIREMENTS,
  expert: false,
  judge: false,
  estimate: () => ({ tokens: 10, finalTokens: 10 }),
};
const BARE: Partial<Plan> = { requirements: [] };

function decided(bodies: readonly RecordBody[], change: Partial<Plan> = {}, start = started()): Decision {
  const journal = journalOf(start, ...bodies);
  return decide(journal, { ...PLAN, ...change }, (journal.at(-1)?.at ?? 0) + 1);
}

const usesTools = (step: number): RecordBody =>
  answered(step, { toolCalls: [{ id: `c${step}`, name: 'look', arguments: {} }] });
const reports = (step: number): RecordBody =>
  answered(step, { toolCalls: [{ id: `c${step}`, name: 'report_step', arguments: {} }] });
const CITED = [
  { requirement: 'symptom', source: 'b.ts' },
  { requirement: 'cause', source: 'a.ts' },
];
const FOUND: readonly RecordBody[] = [usesTools(1), saw(1, { source: 'a.ts' }, { source: 'b.ts' })];
const did = (step: number, action: 'verify' | 'wrap_up' | 'judge' | 'expert'): RecordBody => ({
  type: 'decision',
  step,
  action,
  because: [],
});
const verdict = (by: 'judge' | 'expert', ok: boolean | 'unknown', gaps: readonly string[] = []): RecordBody => ({
  type: 'verdict',
  step: 2,
  by,
  ok,
  text: 'because of this',
  gaps,
});

describe('a run whose model failed', () => {
  it('ends as failed, with its error', () => {
    const error = { name: 'ProviderError', message: 'gone', code: 'NETWORK' };
    const failed: RecordBody = { type: 'model.failed', step: 1, purpose: 'step', error };
    expect(decided([failed])).toMatchObject({ action: 'stop', stop: { kind: 'failed', error } });
  });
});

describe('a chat', () => {
  const chat = { kind: 'chat' as const, requirements: [] };

  it.each<[string, readonly RecordBody[], object]>([
    ['asks first', [], { action: 'continue' }],
    ['ends with its answer', [answered(1)], { action: 'stop', stop: { kind: 'complete', verified: false } }],
    ['asks once more after an empty answer', [answered(1, { text: ' ' })], { action: 'nudge' }],
    ['takes the second answer', [answered(1, { text: '' }), answered(2)], { stop: { kind: 'complete' } }],
    [
      'fails after a second empty one',
      [answered(1, { text: '' }), answered(2, { text: '' })],
      { stop: { kind: 'failed', error: { code: 'EMPTY_RESPONSE' } } },
    ],
  ])('%s', (_, bodies, decision) => {
    expect(decided(bodies, chat)).toMatchObject(decision);
  });
});

describe('a step that says nothing of its state', () => {
  it.each<[string, readonly RecordBody[], string, RegExp | undefined]>([
    ['goes on after a tool', [usesTools(1)], 'continue', undefined],
    ['goes on after a report', [reports(1)], 'continue', undefined],
    ['is asked for a report', [answered(1)], 'nudge', /report_step/],
    [
      'goes on after a claim in its text',
      [answered(1), claimed(1, [], { next_step_required: true })],
      'continue',
      /Go on/,
    ],
  ])('%s', (_, bodies, action, text) => {
    const decision = decided(bodies);
    expect(decision.action).toBe(action);
    expect(decision.text ?? '').toMatch(text ?? /^$/);
  });
});

describe('the user’s own rule', () => {
  const literal = { policy: { ...DEFAULT_TERMINATION, mode: 'literal' as const } };

  it.each<[string, RecordBody, string]>([
    ['ends when no step is wanted', claimed(1, [], { confidence: 'low' }), 'stop'],
    ['ends when it is sure', claimed(1, [], { confidence: 'very_high', next_step_required: true }), 'stop'],
    ['goes on otherwise', claimed(1, [], { confidence: 'high', next_step_required: true }), 'continue'],
  ])('%s', (_, claim, action) => {
    expect(decided([reports(1), claim], literal).action).toBe(action);
  });

  it('goes on without a claim', () => {
    expect(decided([usesTools(1)], literal).action).toBe('continue');
  });
});

describe('without a checklist', () => {
  it.each<[string, number, number]>([
    ['a likely result is asked for its grounds once', 0.8, 1],
    ['an unlikely one twice', 0.79, 2],
  ])('%s', (_, p, times) => {
    const claim = claimed(2, [{ source: 'a.ts' }], { p });
    const asks = Array.from({ length: times }, () => did(2, 'verify'));
    expect(decided([...FOUND, reports(2), claim, ...asks.slice(1)], BARE).action).toBe('verify');
    expect(decided([...FOUND, reports(2), claim, ...asks], BARE).stop).toMatchObject({
      kind: 'complete',
      verified: false,
    });
  });

  it('a result with no grounds is no result, where there was something to look with', () => {
    const bodies = [answered(1), claimed(1), did(1, 'verify'), did(1, 'verify')];
    expect(decided(bodies, BARE).stop).toMatchObject({ kind: 'no_progress', detector: 'unsupported', since: 1 });
    expect(decided(bodies, BARE, started({ tools: [] })).stop).toMatchObject({ kind: 'complete' });
    const searched = [answered(1, { sources: [{ url: 'https://a.example' }] }), ...bodies.slice(1)];
    expect(decided(searched, BARE, started({ tools: [] })).stop).toMatchObject({ detector: 'unsupported' });
  });

  it('a sure result after which nothing new comes is asked to finish, then finished', () => {
    const sure = claimed(2, [{ source: 'a.ts' }], { next_step_required: true });
    const silent = [3, 4, 5].map(usesTools);
    expect(decided([...FOUND, reports(2), sure, usesTools(3)], BARE).action).toBe('continue');
    expect(decided([...FOUND, reports(2), sure, ...silent.slice(0, 2)], BARE).action).toBe('wrap_up');
    const asked: RecordBody[] = [...FOUND, reports(2), sure, ...silent, did(3, 'wrap_up')];
    const later: RecordBody = { type: 'step.started', step: 6, purpose: 'step', model: 'm', reserved: { tokens: 1 } };
    expect(decided([...asked, later, usesTools(6)], BARE).stop).toMatchObject({ kind: 'complete' });
  });

  it.each<[string, RecordBody]>([
    ['unsure', claimed(2, [{ source: 'a.ts' }], { next_step_required: true, confidence: 'high' })],
    ['without grounds', claimed(2, [], { next_step_required: true })],
  ])('an %s result is not asked to finish', (_, claim) => {
    expect(decided([...FOUND, reports(2), claim, usesTools(3), usesTools(4)], BARE).action).not.toBe('wrap_up');
  });
});

describe('with every requirement met', () => {
  const met = [...FOUND, reports(2), claimed(2, CITED, { next_step_required: true, confidence: 'low' })];
  const found: RecordBody = { type: 'decision', step: 2, action: 'continue', because: [{ name: 'covered' }] };

  it('goes on while something new may come, and asks to finish after two silent steps', () => {
    expect(decided(met).action).toBe('continue');
    expect(decided([...met, usesTools(3)]).action).toBe('wrap_up');
  });

  it('asks to finish after four decisions that found it so, however much is new', () => {
    const news = [usesTools(3), saw(3, { source: 'c.ts' })];
    expect(decided([...met, found, found, found, ...news]).action).toBe('continue');
    expect(decided([...met, found, found, found, found, ...news]).action).toBe('wrap_up');
  });

  it('ends a step after it was asked, not in the same', () => {
    const silent = [...met, usesTools(3), did(3, 'wrap_up')];
    expect(decided(silent).action).toBe('wrap_up');
    expect(decided([...silent, asked(4), usesTools(4)]).stop).toMatchObject({ kind: 'complete', verified: true });
  });
});

describe('the reviewers', () => {
  const end = [...FOUND, reports(2), claimed(2, CITED, { p: 0.5 })];
  const judged = { judge: true };
  const expert = { expert: true };

  it('are asked, the judge first, the expert only when the result is unsure', () => {
    expect(decided(end, { ...judged, ...expert }).action).toBe('judge');
    expect(decided([...end, verdict('judge', true)], { ...judged, ...expert }).action).toBe('expert');
    expect(decided([...FOUND, reports(2), claimed(2, CITED)], expert).action).toBe('stop');
  });

  it.each<['judge' | 'expert']>([['judge'], ['expert']])(
    'who refuse (%s) send the model back with what is missing',
    (by) => {
      const plan = by === 'judge' ? judged : expert;
      expect(decided([...end, verdict(by, false, ['no proof'])], plan)).toMatchObject({
        action: 'verify',
        because: [{ name: `${by}_refused` }, { name: 'covered' }],
        text: expect.stringContaining('no proof'),
      });
      expect(decided([...end, verdict(by, false)], plan).text).toContain('because of this');
    },
  );

  it('who refuse to the end leave the result unverified, with their gaps', () => {
    const asked = [did(2, 'verify'), did(2, 'verify')];
    const { stop } = decided([...end, verdict('judge', false, ['no proof']), ...asked], judged);
    expect(stop).toMatchObject({ kind: 'complete', verified: false, gaps: ['no proof'] });
  });

  it.each<[string, readonly RecordBody[], boolean]>([
    ['agreed', [verdict('judge', true)], true],
    ['could not be understood', [verdict('judge', 'unknown')], false],
  ])('who %s make it so', (_, verdicts, verified) => {
    expect(decided([...end, ...verdicts], judged).stop).toMatchObject({ kind: 'complete', verified, gaps: [] });
  });

  it('are asked twice at most, however often the findings change', () => {
    const again = (step: number): RecordBody[] => [
      reports(step),
      claimed(step, CITED, { p: 0.5, findings: `It throws at ${step}.` }),
    ];
    const twice = [...end, verdict('judge', 'unknown'), ...again(3), verdict('judge', 'unknown'), ...again(4)];
    expect(decided([...end, verdict('judge', 'unknown'), ...again(3)], judged).action).toBe('judge');
    expect(decided(twice, judged).action).toBe('stop');
  });
});

describe('a limit that is reached', () => {
  const over = { policy: { ...DEFAULT_TERMINATION, safetyLimit: 1 } };
  const first: RecordBody = { type: 'step.started', step: 1, purpose: 'step', model: 'm', reserved: { tokens: 1 } };

  it('stops what would go on', () => {
    expect(decided([first, usesTools(1)], over).stop).toMatchObject({ kind: 'safety_limit' });
  });

  it('hands a result with grounds over instead of asking about it', () => {
    const claim = claimed(1, [{ source: 'a.ts' }]);
    const bodies = [first, reports(1), saw(1, { source: 'a.ts' }), claim];
    expect(decided(bodies, { ...BARE, ...over }).stop).toMatchObject({ kind: 'complete', verified: false });
    expect(decided([first, reports(1), claimed(1)], { ...BARE, ...over }).stop).toMatchObject({ kind: 'safety_limit' });
  });

  it.each<Partial<Plan>>([{ judge: true }, { expert: true }])('ends without the reviewer of %j', (plan) => {
    const bodies = [first, reports(1), saw(1, { source: 'a.ts' }, { source: 'b.ts' }), claimed(1, CITED, { p: 0.5 })];
    expect(decided(bodies, { ...plan, ...over }).stop).toMatchObject({ kind: 'complete' });
  });
});
