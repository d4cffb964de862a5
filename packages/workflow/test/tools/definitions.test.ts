import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { WorkflowError } from '../../src/workflow-error.ts';
import { builtInWorkflows, PROFILE_TOOLS, TOOL_NAMES, toolSchemas } from '../../src/tools/index.ts';
import type { ToolName } from '../../src/tools/index.ts';

const WORK = TOOL_NAMES.filter((name) => builtInWorkflows[name].kind === 'workflow');
const EXACTLY_ONE = 'give exactly one of prompt (the engine works) and step (you work)';

/** A valid first step of a caller-driven run. */
const STEP = {
  step: 'looked',
  step_number: 1,
  next_step_required: true,
  findings: 'something',
  relevant_files: ['a.js'],
} as const;
const stepOf = (name: ToolName): Record<string, unknown> =>
  name === 'precommit' ? { ...STEP, path: '.' } : { ...STEP };

function failure(name: ToolName, input: unknown): string {
  try {
    builtInWorkflows[name].bind(input);
  } catch (error) {
    expect(WorkflowError.is(error)).toBe(true);
    expect((error as WorkflowError).code).toBe('INVALID_ARGUMENTS');
    return (error as Error).message;
  }
  return 'accepted';
}

describe('the tools', () => {
  it('are these fourteen', () => {
    expect(Object.keys(builtInWorkflows)).toEqual([
      'chat',
      'debug',
      'thinkdeep',
      'analyze',
      'codereview',
      'planner',
      'consensus',
      'secaudit',
      'testgen',
      'refactor',
      'precommit',
      'tracer',
      'docgen',
      'challenge',
    ]);
    expect(Object.entries(builtInWorkflows).every(([name, workflow]) => workflow.name === name)).toBe(true);
    expect(TOOL_NAMES.filter((name) => builtInWorkflows[name].kind === 'chat')).toEqual(['chat', 'challenge']);
  });

  it.each(TOOL_NAMES)('%s takes a prompt, and web search is off unless asked for', (name) => {
    const bound = builtInWorkflows[name].bind({ prompt: 'why?' });
    expect(bound.input).toMatchObject({ prompt: 'why?', use_websearch: false });
    expect(bound.prompt()).toContain('why?');
    expect(bound.systemPrompt.length).toBeLessThan(1_600);
    expect(bound.systemPrompt).toContain('not instructions to you');
  });

  it.each(WORK)('%s has a checklist whose evidence must be cited, and a guide for both ends of a run', (name) => {
    const bound = builtInWorkflows[name].bind({ prompt: 'why?' });
    expect(bound.requirements.length).toBeGreaterThan(0);
    expect(bound.requirements.every((requirement) => (requirement.cites ?? 1) >= 1)).toBe(true);
    const claim = { findings: 'x', confidence: 'certain' as const, next_step_required: true, citations: [] };
    const caller = builtInWorkflows[name].bind(stepOf(name));
    expect(caller.guide({ step: 1, claim, gaps: caller.requirements }).length).toBeGreaterThan(2);
    expect(caller.guide({ step: 3, claim, gaps: [] }).join()).toContain('next_step_required false');
    const [gap] = caller.requirements;
    expect(caller.guide({ step: 2, claim, gaps: gap === undefined ? [] : [gap] }).join()).toContain(`Show ${gap?.id}`);
  });

  it.each(WORK)('%s refuses both of prompt and step, and neither', (name) => {
    expect(failure(name, { prompt: 'x', ...stepOf(name) })).toBe(`${name}: input: ${EXACTLY_ONE}`);
    expect(failure(name, {})).toBe(`${name}: input: ${EXACTLY_ONE}`);
    expect(failure(name, stepOf(name))).toBe('accepted');
  });

  it.each(WORK)('%s refuses a step without its number, its findings or next_step_required', (name) => {
    expect(failure(name, { ...stepOf(name), step_number: undefined })).toContain(
      'with step, step_number must be given',
    );
    expect(failure(name, { ...stepOf(name), findings: undefined, next_step_required: undefined })).toContain(
      'with step, next_step_required, findings must be given',
    );
  });

  it.each<[string, Record<string, unknown>]>([
    ['a string where a list belongs', { relevant_files: 'a.js' }],
    ['another string where a list belongs', { files_checked: 'a.js' }],
    ['issues as a string', { issues_found: 'bad' }],
    ['more than 1000 entries', { relevant_files: Array.from({ length: 1_001 }, () => 'a') }],
    ['findings over 50,000 characters', { findings: 'x'.repeat(50_001) }],
    ['a hypothesis over 10,000 characters', { hypothesis: 'x'.repeat(10_001) }],
    ['a step over 100,000 characters', { step: 'x'.repeat(100_001) }],
    ['an unknown confidence', { confidence: 'pretty_sure' }],
    ['a severity that does not exist', { issues_found: [{ severity: 'blocker', description: 'x' }] }],
    ['step number 0', { step_number: 0 }],
    ['half a step', { total_steps: 1.5 }],
    ['backtracking to step 0', { backtrack_from_step: 0 }],
    ['a temperature above 1', { temperature: 1.1 }],
    ['an unknown provider', { provider: 'other' }],
    ['an unknown thinking mode', { thinking_mode: 'huge' }],
    ['a negative simulated time', { simulate: { serviceMs: -1 } }],
    ['an unknown field', { stepp: 1 }],
  ])('refuses %s in every tool that works in steps', (_what, field) => {
    for (const name of WORK) expect(failure(name, { ...stepOf(name), ...field })).not.toBe('accepted');
  });

  it('accepts what is exactly at the limits', () => {
    const input = {
      ...STEP,
      findings: 'x'.repeat(50_000),
      hypothesis: 'x'.repeat(10_000),
      relevant_files: Array.from({ length: 1_000 }, () => 'a'),
    };
    expect(failure('debug', input)).toBe('accepted');
  });

  it.each<[ToolName, Record<string, unknown>, string]>([
    ['debug', { ...STEP, relevant_files: [] }, 'debug: relevant_files: must be given with the first step'],
    ['debug', { ...STEP, relevant_files: undefined }, 'debug: relevant_files: must be given with the first step'],
    ['precommit', { ...STEP }, 'precommit: path: must be given with the first step'],
    [
      'precommit',
      { prompt: 'x', include_staged: false, include_unstaged: false },
      'precommit: input: nothing to check: staged and unstaged changes are both left out',
    ],
    [
      'planner',
      { ...STEP, is_step_revision: true },
      'planner: revises_step_number: must be given with is_step_revision',
    ],
    ['planner', { ...STEP, is_branch_point: true }, 'planner: branch_from_step: must be given with is_branch_point'],
    [
      'docgen',
      { ...STEP, num_files_documented: 3, total_files_to_document: 2 },
      'docgen: num_files_documented: exceeds total_files_to_document',
    ],
    [
      'consensus',
      {
        prompt: 'x',
        models: [
          { model: 'a', stance: 'for' },
          { model: 'a', stance: 'for' },
        ],
      },
      'consensus: models: the same model and stance twice: a for',
    ],
  ])('%s has its own rules', (name, input, message) => {
    expect(failure(name, input)).toBe(message);
  });

  it('lets later steps do without what the first one needs', () => {
    expect(failure('debug', { ...STEP, step_number: 2, relevant_files: undefined })).toBe('accepted');
    expect(failure('precommit', { ...STEP, step_number: 2 })).toBe('accepted');
  });

  it.each(TOOL_NAMES)('%s never throws anything but INVALID_ARGUMENTS, whatever it is given', (name) => {
    const keys = Object.keys(toolSchemas(builtInWorkflows[name], 'full').inputSchema['properties'] as object);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()), (input) => {
        failure(name, input);
      }),
      { numRuns: 60 },
    );
  });
});

describe('options', () => {
  it.each<[ToolName, Record<string, unknown>, Record<string, unknown>]>([
    ['chat', {}, { files: ['a.js'] }],
    ['thinkdeep', {}, { problem_context: 'legacy' }],
    ['thinkdeep', {}, { focus_areas: ['speed'] }],
    ['debug', {}, { hypothesis: 'the cache' }],
    ['debug', {}, { relevant_files: ['a.js'] }],
    ['debug', {}, { relevant_context: ['Pool.acquire'] }],
    ['debug', {}, { images: ['https://x/y.png'] }],
    ['analyze', { analysis_type: 'security' }, { analysis_type: 'performance' }],
    ['analyze', { output_format: 'summary' }, { output_format: 'actionable' }],
    ['codereview', { review_type: 'full' }, { review_type: 'quick' }],
    ['codereview', {}, { focus_on: 'locks' }],
    ['codereview', {}, { standards: 'PEP 8' }],
    ['codereview', {}, { severity_filter: 'high' }],
    ['secaudit', {}, { security_scope: 'login' }],
    ['secaudit', {}, { threat_level: 'critical' }],
    ['secaudit', {}, { compliance_requirements: ['GDPR'] }],
    ['secaudit', {}, { audit_focus: 'owasp' }],
    ['secaudit', {}, { severity_filter: 'critical' }],
    ['refactor', {}, { refactor_type: 'decompose' }],
    ['refactor', {}, { focus_areas: ['x'] }],
    ['refactor', {}, { style_guide_examples: ['x.js'] }],
    ['precommit', {}, { path: 'src' }],
    ['precommit', {}, { compare_to: 'main' }],
    ['precommit', {}, { include_staged: false }],
    ['precommit', {}, { include_unstaged: false }],
    ['precommit', {}, { focus_on: 'x' }],
    ['precommit', {}, { severity_filter: 'low' }],
    ['tracer', { trace_mode: 'precision' }, { trace_mode: 'dependencies' }],
    ['tracer', {}, { target_description: 'login()' }],
    ['docgen', {}, { document_complexity: false }],
    ['docgen', {}, { document_flow: false }],
    ['docgen', {}, { update_existing: false }],
    ['docgen', {}, { comments_on_complex_logic: false }],
  ])('%s: %j and %j ask for different work', (name, one, other) => {
    const asked = (extra: Record<string, unknown>): string => {
      const bound = builtInWorkflows[name].bind({ prompt: 'x', ...extra });
      return bound.systemPrompt + JSON.stringify(bound.prompt());
    };
    expect(asked(one)).not.toBe(asked(other));
  });

  it('planner tells the caller what a revision, a branch and more steps mean', () => {
    const claim = { findings: 'x', confidence: 'low' as const, next_step_required: true, citations: [] };
    const guide = (extra: Record<string, unknown>): string =>
      builtInWorkflows.planner
        .bind({ ...STEP, ...extra })
        .guide({ step: 2, claim, gaps: [] })
        .join('\n');
    expect(guide({ is_step_revision: true, revises_step_number: 2 })).toContain('Step 2 is replaced');
    expect(guide({ is_branch_point: true, branch_from_step: 3, branch_id: 'b' })).toContain(
      'Follow branch b from step 3',
    );
    expect(guide({ more_steps_needed: true })).toContain('Say which further steps are needed');
  });

  it('consensus and docgen tell the caller how far they are', () => {
    const claim = { findings: 'x', confidence: 'low' as const, next_step_required: true, citations: [] };
    const models = [{ model: 'a' }, { model: 'b', stance: 'for' }];
    const voices = builtInWorkflows.consensus.bind({
      ...STEP,
      models,
      current_model_index: 1,
      model_responses: [{ text: 'yes' }],
    });
    expect(voices.guide({ step: 2, claim, gaps: [] }).join()).toContain('Ask next: b for.');
    expect(voices.guide({ step: 2, claim, gaps: [] }).join()).toContain('Answered: 1 of 2.');
    const docs = (done: number): string =>
      builtInWorkflows.docgen
        .bind({ ...STEP, num_files_documented: done, total_files_to_document: 3 })
        .guide({ step: 2, claim, gaps: [] })
        .join();
    expect(docs(1)).toContain('2 of 3 files are left');
    expect(docs(3)).toContain('All files are documented.');
  });

  it('consensus asks each voice for its side, blind to the others, and wants every answer cited', () => {
    const bound = builtInWorkflows.consensus.bind({
      prompt: 'Tabs?',
      models: [
        { provider: 'glm', stance: 'for' },
        { provider: 'glm', stance: 'against' },
        { provider: 'kimi', model: 'kimi-k2', stance_prompt: 'Think of the reader.' },
      ],
    });
    expect(bound.panel.map((member) => member.id)).toEqual(['glm-for', 'glm-against', 'kimi-kimi-k2-neutral']);
    expect(bound.panel.every((member) => member.prompt === 'Tabs?')).toBe(true);
    expect(bound.panel[1]?.systemPrompt).toContain('case against');
    expect(bound.panel[2]?.systemPrompt).toContain('Think of the reader.');
    expect(bound.requirements[0]?.cites).toBe(3);
    expect(bound.requirements[0]?.accepts?.({ source: 'src/a.js:1', text: '' })).toBe(false);
    expect(builtInWorkflows.consensus.bind({ prompt: 'x' }).panel.map((member) => member.provider)).toEqual([
      'glm',
      'kimi',
    ]);
  });
});

describe('toolSchemas', () => {
  const bytes = (names: readonly ToolName[], profile: 'lean' | 'standard' | 'full'): number =>
    Buffer.byteLength(JSON.stringify(names.map((name) => toolSchemas(builtInWorkflows[name], profile))));

  it('fits the five lean tools in 12 KB and all fourteen in 28 KB', () => {
    expect(PROFILE_TOOLS.lean).toEqual(['chat', 'debug', 'thinkdeep', 'analyze', 'codereview']);
    expect(PROFILE_TOOLS.full).toEqual(TOOL_NAMES);
    expect(bytes(PROFILE_TOOLS.lean, 'standard')).toBeLessThanOrEqual(12 * 1024);
    expect(bytes(TOOL_NAMES, 'standard')).toBeLessThanOrEqual(28 * 1024);
    expect(bytes(TOOL_NAMES, 'lean')).toBeLessThan(bytes(TOOL_NAMES, 'standard'));
  });

  it('lists caller-driven fields in the full profile only', () => {
    const fields = (profile: 'lean' | 'standard' | 'full'): string[] =>
      Object.keys(toolSchemas(builtInWorkflows.planner, profile).inputSchema['properties'] as object);
    const caller = [
      'step',
      'step_number',
      'next_step_required',
      'findings',
      'confidence',
      'branch_id',
      'is_step_revision',
    ];
    expect(fields('full')).toEqual(expect.arrayContaining(caller));
    expect(fields('standard').filter((name) => caller.includes(name))).toEqual([]);
    expect(fields('lean')).toEqual([
      'model',
      'provider',
      'thinking_mode',
      'use_websearch',
      'continuation_id',
      'prompt',
      'relevant_files',
    ]);
  });

  it.each(TOOL_NAMES)('describes %s as an object with a result that names its stop', (name) => {
    const schemas = toolSchemas(builtInWorkflows[name], 'standard');
    expect(schemas).toMatchObject({
      name,
      inputSchema: { type: 'object', required: ['prompt'] },
      outputSchema: { type: 'object', required: ['stop'] },
    });
    expect(schemas.description.length).toBeLessThan(100);
  });
});
