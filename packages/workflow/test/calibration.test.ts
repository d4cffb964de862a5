import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import { Calibration, CONFIDENCE, createEngine, memoryStore } from '../src/index.ts';
import { scriptedModel } from '../src/testing/index.ts';
import { done, final, investigation, looks } from './investigation.ts';

const outcome = fc.record({
  tool: fc.constantFrom('debug', 'chat'),
  model: fc.constantFrom('glm/a', 'kimi/b'),
  level: fc.constantFrom(...CONFIDENCE),
  ok: fc.boolean(),
  weight: fc.constantFrom(0.5, 1),
});

describe('the calibration', () => {
  test.prop([fc.array(outcome, { maxLength: 80 })])(
    'stays between 0 and 1 and never falls from one level to the next',
    (outcomes) => {
      const calibration = new Calibration();
      for (const each of outcomes) calibration.add(each);
      const values = CONFIDENCE.map((level) => calibration.estimate({ tool: 'debug', model: 'glm/a', level }).p);
      expect(values).toEqual(values.toSorted((a, b) => a - b));
      expect(Math.min(...values)).toBeGreaterThan(0);
      expect(Math.max(...values)).toBeLessThan(1);
    },
  );

  it('believes nobody at first: even certain lies below 0.8', () => {
    expect(new Calibration().estimate({ tool: 'debug', model: 'glm/a', level: 'certain' })).toEqual({ p: 0.78, n: 0 });
  });

  it('follows what is known of the tool, then of the model, then of the level', () => {
    const calibration = new Calibration();
    for (let index = 0; index < 60; index += 1)
      calibration.add({ tool: 'debug', model: 'glm/a', level: 'certain', ok: false, weight: 1 });
    const certain = (tool: string, model: string): number => calibration.estimate({ tool, model, level: 'certain' }).p;
    expect(certain('debug', 'glm/a')).toBeLessThan(0.2);
    expect(certain('chat', 'kimi/b')).toBeLessThan(0.5);
    expect(calibration.estimate({ tool: 'debug', model: 'glm/a', level: 'certain' }).n).toBe(60);
  });

  it('is kept in the store, counts a run once, and does not change what was decided', async () => {
    const store = memoryStore();
    const workflow = investigation();
    const model = scriptedModel(({ request }) =>
      request.tools === undefined
        ? final
        : request.messages.some(({ role }) => role === 'tool')
          ? done
          : looks('a.ts', 'b.ts'),
    );
    const engine = createEngine({ model, store, workflows: [workflow] });
    const first = await engine.start(workflow, { prompt: 'go' }, { runId: 'first' }).result;
    expect(first.confidence).toEqual({ reported: 'certain', p: 0.78, n: 0 });
    await engine.recordOutcome('first', false);
    await engine.recordOutcome('first', false);
    const again = createEngine({ model, store, workflows: [workflow] });
    const second = await again.start(workflow, { prompt: 'go' }, { runId: 'second' }).result;
    expect(second.confidence.n).toBe(1);
    expect(second.confidence.p).toBeLessThan(0.78);
    expect(await again.replay('first')).toMatchObject({ identical: true });
  });

  it('takes a verdict of the expert at half weight', async () => {
    const store = memoryStore();
    const workflow = investigation({ expert: true });
    const agent = scriptedModel(({ request }) =>
      request.tools === undefined
        ? final
        : request.messages.some(({ role }) => role === 'tool')
          ? done
          : looks('a.ts', 'b.ts'),
    );
    const expert = scriptedModel(() => ({ text: '{"ok": true}' }));
    const engine = createEngine({ models: ({ role }) => (role === 'agent' ? agent : expert), store });
    await engine.start(workflow, { prompt: 'go' }).result;
    expect((await engine.start(workflow, { prompt: 'go' }).result).confidence.n).toBe(0.5);
  });
});
