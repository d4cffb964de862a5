import { describe, expect, it } from 'vitest';

import { fold } from '../src/apply-record.ts';
import { createEngine } from '../src/index.ts';
import { finalFits } from '../src/limits.ts';
import { scriptedModel } from '../src/testing/index.ts';
import { investigation } from './investigation.ts';
import { journalOf, started } from './journal-records.ts';

describe('a workflow', () => {
  it.each(['', 'Look', '1st', 'with space', 'x'.repeat(65)])('is not named %j', (name) => {
    expect(() => investigation({ name })).toThrow(new TypeError(`bad workflow name: ${name}`));
  });

  it.each([0, -1, 1.5, Number.NaN])('has no version %d', (version) => {
    expect(() => investigation({ version })).toThrow(new TypeError(`bad workflow version: ${version}`));
  });
});

describe('an engine', () => {
  it('needs a model', () => {
    expect(() => createEngine({})).toThrow(new TypeError('createEngine needs model or models'));
  });

  it.each(['', '../up', 'a b'])('takes no run id %j', async (runId) => {
    const engine = createEngine({ model: scriptedModel([]) });
    const run = (): unknown => engine.start(investigation(), { prompt: 'why?' }, { runId });
    expect(run).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENTS', message: `bad run id: ${runId}` }));
    await engine.close();
  });
});

describe('the final answer', () => {
  const estimate = { tokens: 10, finalTokens: 10 };

  it.each<[string, Parameters<typeof started>[0], number, boolean]>([
    ['without limits', {}, 9e9, true],
    ['before the deadline', { deadlineAt: 2000 }, 1999, true],
    ['at the deadline', { deadlineAt: 2000 }, 2000, false],
    ['with its tokens left', { budget: { tokens: 10 } }, 0, true],
    ['with too few', { budget: { tokens: 9 } }, 0, false],
    ['with money left', { budget: { usd: 0.01 } }, 0, true],
    ['with none', { budget: { usd: 0 } }, 0, false],
  ])('fits %s', (_, change, at, fits) => {
    expect(finalFits(fold(journalOf(started(change))), estimate, at)).toBe(fits);
  });
});
