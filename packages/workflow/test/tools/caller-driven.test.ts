import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createEngine } from '../../src/engine.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import { builtInWorkflows, TOOL_NAMES } from '../../src/tools/index.ts';
import type { ToolName } from '../../src/tools/index.ts';
import { sandbox } from '../evidence/sandbox.ts';
import type { Sandbox } from '../evidence/sandbox.ts';

const WORK = TOOL_NAMES.filter((name) => builtInWorkflows[name].kind === 'workflow');

let box: Sandbox;
beforeAll(async () => {
  box = await sandbox({ 'a.js': 'one();\ntwo();\n', 'b.js': 'three();\nfour();\n' });
});
afterAll(() => box.remove());

const reviewer = () => scriptedModel(() => ({ text: '{"ok": true, "gaps": [], "reason": "backed"}' }));

function step(name: ToolName, number: number, extra: Record<string, unknown>): Record<string, unknown> {
  return {
    step: `step ${number}`,
    step_number: number,
    total_steps: 2,
    next_step_required: true,
    findings: `finding ${number}`,
    relevant_files: ['a.js'],
    ...(name === 'precommit' ? { path: '.' } : {}),
    ...extra,
  };
}

describe('every tool, caller-driven', () => {
  it.each(WORK)('%s takes steps, says what is missing, and ends when each requirement is cited', async (name) => {
    const engine = createEngine({ model: reviewer(), roots: [box.root] });
    const workflow = builtInWorkflows[name];
    const wanted = workflow.bind(step(name, 1, {})).requirements;

    const first = await engine.submitStep(workflow, step(name, 1, {}));
    expect(first).toMatchObject({ status: 'continue', step: 1, nextStepRequired: true });
    expect(first.coverage.missing).toEqual(wanted.map((requirement) => requirement.id));
    for (const { id } of wanted) expect(first.requiredActions.join('\n')).toContain(`Show ${id}`);

    const citations = wanted.flatMap(({ id }) => ['a.js:1', 'b.js:2'].map((source) => ({ requirement: id, source })));
    const last = await engine.submitStep(
      workflow,
      step(name, 2, {
        citations,
        confidence: 'very_high',
        next_step_required: false,
        continuation_id: first.continuationId,
      }),
    );
    expect(last.refusedCitations).toEqual([]);
    expect(last).toMatchObject({
      status: 'finished',
      coverage: { missing: [] },
      stop: { kind: 'complete', verified: true, grade: 'checked' },
    });
    await engine.close();
  });

  it('does not count a citation that cannot be read again, and says why', async () => {
    const engine = createEngine({ model: reviewer(), roots: [box.root] });
    const sources = ['a.js:99', '../outside.txt:1', 'none.js:1'];
    const citations = sources.map((source) => ({ requirement: 'root_cause', source }));
    const answer = await engine.submitStep(
      builtInWorkflows.debug,
      step('debug', 1, { citations, confidence: 'certain' }),
    );
    expect(answer.refusedCitations.map((refused) => refused.source)).toEqual(sources);
    expect(answer.coverage.met).toEqual([]);
    await engine.close();
  });
});
