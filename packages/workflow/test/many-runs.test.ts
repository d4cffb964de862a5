import { describe, expect, it } from 'vitest';

import { createEngine } from '../src/index.ts';
import { scriptedModel } from '../src/testing/index.ts';
import { done, final, investigation, looks } from './investigation.ts';

describe('1,000 runs on one engine', () => {
  it(
    'share nothing: the secret of one never appears in another, and every one of them ends',
    { timeout: 120_000 },
    async () => {
      const leaks: string[] = [];
      const model = scriptedModel(({ request }) => {
        const text = JSON.stringify(request.messages);
        const secrets = new Set(text.match(/secret-\d+-x/g));
        if (secrets.size !== 1) leaks.push([...secrets].join(' '));
        const turns = request.messages.filter(({ role }) => role === 'assistant').length;
        const [secret] = secrets;
        if (request.tools === undefined) return { text: `${final.text ?? ''} ${secret ?? ''}` };
        return turns === 0 ? { ...looks('a.ts', 'b.ts'), text: `noted ${secret ?? ''}` } : done;
      });
      const engine = createEngine({ model });
      let ended = 0;
      engine.on('run.finished', () => {
        ended += 1;
      });
      const results = await Promise.all(
        Array.from(
          { length: 1_000 },
          (_, index) =>
            engine.start(investigation(), { prompt: `secret-${index}-x` }, { session: `s${index % 50}` }).result,
        ),
      );
      expect(leaks).toEqual([]);
      for (const [index, result] of results.entries()) {
        expect(result.stop).toMatchObject({ kind: 'complete', verified: true });
        expect(result.text).toContain(`secret-${index}-x`);
      }
      expect(ended).toBe(1_000);
      expect(new Set(results.map(({ continuationId }) => continuationId)).size).toBe(1_000);
    },
  );

  it('are not harmed by a listener that throws', async () => {
    const engine = createEngine({ model: scriptedModel([looks('a.ts', 'b.ts'), done, final]) });
    engine.on('decision', () => {
      throw new Error('listener');
    });
    expect((await engine.start(investigation(), { prompt: 'go' }).result).stop).toMatchObject({ kind: 'complete' });
  });
});
