import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { defineWorkflow, type Workflow, type WorkflowSpec } from '../src/index.ts';
import { serviceShare, toModelAsk, toSettings } from '../src/request-options.ts';

type Spec = WorkflowSpec<z.ZodType<{ prompt: string }>>;

function workflowOf(change: Partial<Spec> = {}): Workflow {
  return defineWorkflow({
    name: 'look',
    version: 1,
    description: 'Looks',
    kind: 'workflow',
    input: z.looseObject({ prompt: z.string() }) as Spec['input'],
    systemPrompt: () => 'Look.',
    prompt: ({ prompt }) => prompt,
    ...change,
  });
}

const ours = workflowOf({ defaultProvider: 'glm', defaultModel: 'glm-5' });

describe('the model an input asks for', () => {
  it.each<[string, object, object]>([
    ['the default', {}, { provider: 'glm', model: 'glm-5' }],
    ['its own provider, so the default model too', { provider: 'glm' }, { provider: 'glm', model: 'glm-5' }],
    ['another provider, so not the default model', { provider: 'kimi' }, { provider: 'kimi' }],
    ['a model, wherever it is', { model: 'kimi-k2.6' }, { model: 'kimi-k2.6' }],
    ['both', { provider: 'kimi', model: 'kimi-k2.6' }, { provider: 'kimi', model: 'kimi-k2.6' }],
  ])('is %s', (_, input, asked) => {
    expect(toModelAsk(ours, input, 'agent')).toEqual({ tool: 'look', role: 'agent', ...asked });
  });

  it('is any where nothing says which', () => {
    expect(toModelAsk(workflowOf(), {}, 'agent')).toEqual({ tool: 'look', role: 'agent' });
  });

  it.each<[object, object]>([
    [{}, { provider: 'kimi' }],
    [{ provider: 'kimi' }, { provider: 'glm' }],
    [{ provider: 'house' }, {}],
    [{ model: 'some-model' }, {}],
  ])('is of the other vendor for a reviewer of %j', (input, asked) => {
    expect(toModelAsk(ours, input, 'expert')).toEqual({ tool: 'look', role: 'expert', ...asked });
  });
});

describe('the share of a simulated time', () => {
  const asked = { simulate: { serviceMs: 600 } };
  const of = (step: number, purpose: 'step' | 'final' | 'expert'): number | undefined =>
    serviceShare(workflowOf(), asked, step, purpose);

  it('is all of it for a chat, and none where nothing is asked for', () => {
    expect(serviceShare(workflowOf({ kind: 'chat' }), asked, 1, 'step')).toBe(600);
    expect(serviceShare(workflowOf(), {}, 1, 'step')).toBeUndefined();
  });

  it.each([0, 1, 3, 5, 9])('adds up to the whole over %i steps and the final answer', (steps) => {
    const shares = Array.from({ length: steps }, (_, index) => of(index + 1, 'step') ?? Number.NaN);
    expect(shares.reduce((sum, share) => sum + share, of(steps, 'final') ?? Number.NaN)).toBeCloseTo(600);
  });

  it('is nothing for a reviewer', () => {
    expect(of(2, 'expert')).toBe(0);
  });
});

describe('the settings of a request', () => {
  it('are those of the input, then those of the workflow', () => {
    const workflow = workflowOf({ defaultThinking: 'low', maxOutputTokens: 99 });
    expect(toSettings(workflow, { use_websearch: true, thinking_mode: 'max', temperature: 0 }, 7)).toEqual({
      webSearch: true,
      thinking: { effort: 'max' },
      temperature: 0,
      maxOutputTokens: 99,
      extra: { simulate: { serviceMs: 7 } },
    });
    expect(toSettings(workflow, { use_websearch: false })).toEqual({
      thinking: { effort: 'low' },
      maxOutputTokens: 99,
    });
    expect(toSettings(workflowOf(), {})).toEqual({});
  });

  it('of an input the engine cannot read are the defaults', () => {
    expect(toSettings(ours, 'what?')).toEqual({});
  });
});
