import { describe, expect, it } from 'vitest';

import { createEngine, type RunEvent } from '../src/index.ts';
import { scriptedModel } from '../src/testing/index.ts';
import { done, final, investigation, looks, reports } from './investigation.ts';

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe('an engine-driven run', () => {
  it('works in steps, ends when every requirement is backed, and hands over a final answer', async () => {
    const model = scriptedModel([looks('b.ts'), looks('a.ts', 'c.ts'), done, final]);
    const run = createEngine({ model }).start(investigation(), { prompt: 'why does it throw?' });
    const result = await run.result;
    expect(result.stop).toEqual({ kind: 'complete', verified: true, gaps: [], grade: 'observed' });
    expect(result.text).toBe('The cause is in a.ts.');
    expect(result.steps).toBe(3);
    expect(result.coverage).toEqual({ met: ['symptom', 'cause'], missing: [] });
    expect(model.unused).toBe(0);
    const types = (await collect(run)).map(({ type }) => type);
    expect(types.filter((type) => type === 'run.finished')).toHaveLength(1);
    expect(types).toEqual(
      expect.arrayContaining([
        'run.started',
        'decision',
        'step.started',
        'tool.started',
        'tool.finished',
        'evidence',
        'claim',
        'budget',
        'step.finished',
      ]),
    );
  });

  it('offers no tools for the final answer and never forces a choice', async () => {
    const model = scriptedModel([looks('b.ts'), looks('a.ts'), done, final]);
    await createEngine({ model }).start(investigation(), { prompt: 'why?' }).result;
    expect(model.calls.map(({ request }) => request.toolChoice)).toEqual(['auto', 'auto', 'auto', undefined]);
    expect(model.calls.at(-1)?.request.tools).toBeUndefined();
  });

  it('names the gaps once more before it takes a claim, and then says that it is unverified', async () => {
    const early = reports({
      next_step_required: false,
      confidence: 'certain',
      citations: [{ requirement: 'symptom', source: 'b.ts' }],
    });
    const model = scriptedModel([looks('b.ts'), early, early, early, final]);
    const result = await createEngine({ model }).start(investigation(), { prompt: 'why?' }).result;
    expect(result.stop).toEqual({ kind: 'complete', verified: false, gaps: ['cause'], grade: 'observed' });
    const sent = JSON.stringify(model.calls[2]?.request.messages);
    expect(sent).toContain('cause: where it starts');
  });
});
