import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { builtInWorkflows, createEngine, memoryStore, type Engine } from '../src/index.ts';
import { scriptedModel } from '../src/testing/index.ts';

const { debug } = builtInWorkflows;
let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'exai-caller-'));
  await writeFile(join(root, 'sum.ts'), 'export const sum = (xs) =>\n  xs.reduce((a, b) => a + b);\nsum([]);\n');
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const step = (number: number, change: Record<string, unknown> = {}) => ({
  step: `step ${number}`,
  step_number: number,
  total_steps: 3,
  next_step_required: true,
  findings: `finding of step ${number}`,
  relevant_files: ['sum.ts'],
  confidence: 'medium',
  use_assistant_model: false,
  ...change,
});
const cites = [
  { requirement: 'symptom', source: 'sum.ts:3' },
  { requirement: 'root_cause', source: 'sum.ts:2', quote: 'xs.reduce((a, b) => a + b)' },
  { requirement: 'fix', source: 'sum.ts:2' },
];
const engineOf = (roots: string[] = [root]): Engine => createEngine({ model: scriptedModel([]), roots });

describe('a caller-driven run', () => {
  it('takes one claim, gives one instruction, and ends when re-read citations back everything', async () => {
    const engine = engineOf();
    const first = await engine.submitStep(debug, step(1), { session: 's' });
    expect(first).toMatchObject({ status: 'continue', step: 1, nextStepRequired: true, coverage: { met: [] } });
    expect(first.requiredActions.length).toBeGreaterThan(0);
    const last = await engine.submitStep(
      debug,
      step(2, {
        continuation_id: first.continuationId,
        next_step_required: false,
        confidence: 'certain',
        citations: cites,
      }),
      { session: 's' },
    );
    expect(last).toMatchObject({
      status: 'finished',
      stop: { kind: 'complete', verified: true, gaps: [], grade: 'checked' },
      coverage: { missing: [] },
      requiredActions: [],
    });
    expect(last.result?.steps).toBe(2);
    expect((await engine.get(last.runId))?.status).toBe('finished');
  });

  it('refuses citations that do not hold, with the reason, and does not count them', async () => {
    const bad = [
      { requirement: 'symptom', source: 'sum.ts:99' },
      { requirement: 'root_cause', source: '../../etc/passwd:1' },
      { requirement: 'fix', source: 'sum.ts:2', quote: 'something else' },
    ];
    const answer = await engineOf().submitStep(
      debug,
      step(1, { citations: bad, next_step_required: false, confidence: 'certain' }),
    );
    expect(answer.refusedCitations.map(({ source }) => source)).toEqual([
      'sum.ts:99',
      '../../etc/passwd:1',
      'sum.ts:2',
    ]);
    expect(answer).toMatchObject({ status: 'continue', coverage: { missing: ['symptom', 'root_cause', 'fix'] } });
  });

  it('answers with the gaps at most twice, then lets the caller end it, marked unverified', async () => {
    const engine = engineOf();
    const end = { next_step_required: false, confidence: 'certain' };
    const first = await engine.submitStep(debug, step(1, end));
    const second = await engine.submitStep(
      debug,
      step(2, { ...end, findings: 'something new', continuation_id: first.continuationId }),
    );
    const third = await engine.submitStep(
      debug,
      step(3, { ...end, findings: 'new again', continuation_id: first.continuationId }),
    );
    expect([first.status, second.status, third.status]).toEqual(['continue', 'continue', 'finished']);
    expect(first.requiredActions.join('\n')).toContain('root_cause');
    expect(third.stop).toMatchObject({ kind: 'complete', verified: false, gaps: ['symptom', 'root_cause', 'fix'] });
  });

  it('takes the word of the caller as attested where there are no roots', async () => {
    const answer = await engineOf([]).submitStep(
      debug,
      step(1, { citations: cites, next_step_required: false, confidence: 'certain' }),
    );
    expect(answer.stop).toMatchObject({ kind: 'complete', verified: true, grade: 'attested' });
  });

  it('notices that nothing new comes, by findings and citations', async () => {
    const engine = engineOf();
    let answer = await engine.submitStep(debug, step(1, { findings: 'the same' }));
    const statuses = [];
    for (let number = 2; number <= 30 && answer.status === 'continue'; number += 1) {
      answer = await engine.submitStep(
        debug,
        step(number, { findings: 'the same', continuation_id: answer.continuationId }),
      );
      statuses.push(answer.status);
    }
    expect(answer.stop).toMatchObject({ kind: 'no_progress' });
    expect(statuses.length).toBeLessThan(30);
  });

  it('goes back to before a step as a branch, and leaves the old one as it was', async () => {
    const store = memoryStore();
    const engine = createEngine({ model: scriptedModel([]), roots: [root], store });
    const first = await engine.submitStep(debug, step(1));
    const second = await engine.submitStep(debug, step(2, { continuation_id: first.continuationId }));
    const before = await engine.get(second.runId);
    const back = await engine.submitStep(
      debug,
      step(2, { findings: 'another way', backtrack_from_step: 2, continuation_id: first.continuationId }),
    );
    expect(back.step).toBe(2);
    expect(back.runId).not.toBe(second.runId);
    expect(await engine.get(second.runId)).toEqual(before);
    expect((await engine.get(back.runId))?.parent?.runId).toBe(second.runId);
    await expect(
      engine.submitStep(debug, step(9, { backtrack_from_step: 9, continuation_id: first.continuationId })),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' });
  });

  // The ancestor keeps its work on the tool object: callers saw each other's findings.
  it('shares nothing with another caller of the same tool', async () => {
    const engine = engineOf();
    const [one, two] = await Promise.all([
      engine.submitStep(debug, step(1, { citations: [cites[0]] }), { session: 'a' }),
      engine.submitStep(debug, step(1), { session: 'b' }),
    ]);
    expect(one.coverage.met).toEqual(['symptom']);
    expect(two.coverage.met).toEqual([]);
    await expect(
      engine.submitStep(debug, step(2, { continuation_id: one.continuationId }), { session: 'b' }),
    ).rejects.toMatchObject({ code: 'UNKNOWN_CONTINUATION' });
  });

  it('asks a reviewer once about an unsure result, and hands over what it said', async () => {
    const reviewer = scriptedModel([{ text: '{"ok": true, "gaps": [], "reason": "holds"}' }]);
    const engine = createEngine({ model: reviewer, roots: [root] });
    const answer = await engine.submitStep(
      debug,
      step(1, { citations: cites, next_step_required: false, use_assistant_model: true }),
    );
    expect(answer).toMatchObject({ status: 'finished', expert: { ok: true, text: 'holds' }, stop: { verified: true } });
    expect(reviewer.calls).toHaveLength(1);
  });

  it('is abandoned after an hour without a step, and a late step is refused', async () => {
    let now = 1_000_000;
    const engine = createEngine({ model: scriptedModel([]), roots: [root], clock: () => now });
    const first = await engine.submitStep(debug, step(1));
    now += 3_600_000;
    await expect(engine.submitStep(debug, step(2, { continuation_id: first.continuationId }))).rejects.toMatchObject({
      code: 'RUN_FINISHED',
    });
    expect((await engine.get(first.runId))?.result?.stop).toEqual({ kind: 'abandoned', idleMs: 3_600_000 });
    await expect(engine.resume(first.runId).result).rejects.toMatchObject({ code: 'RUN_FINISHED' });
    expect((await engine.submitStep(debug, step(1, { continuation_id: first.continuationId }))).status).toBe(
      'continue',
    );
  });

  it.each([
    ['no findings', { findings: undefined }],
    ['findings over the limit', { findings: 'x'.repeat(50_001) }],
    ['a string where a list belongs', { relevant_files: 'sum.ts' }],
    ['an unknown level', { confidence: 'sure' }],
    ['a prompt beside the step', { prompt: 'do it' }],
    ['an unknown field', { finding: 'typo' }],
  ])('refuses %s and writes nothing', async (_name, change) => {
    const engine = engineOf();
    await expect(engine.submitStep(debug, step(1, change))).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' });
    expect(await engine.list()).toEqual([]);
  });
});
