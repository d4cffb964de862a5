import { describe, expect, it } from 'vitest';

import { builtInWorkflows, createEngine } from '../src/index.ts';
import { scriptedModel } from '../src/testing/index.ts';
import { done, final, investigation, looks } from './investigation.ts';

const { chat } = builtInWorkflows;

describe('a conversation', () => {
  it('goes on with a continuation id, also from one tool to another', async () => {
    const model = scriptedModel([{ text: 'Call me Ada.' }, looks('a.ts', 'b.ts'), done, final]);
    const engine = createEngine({ model });
    const { continuationId } = await engine.start(chat, { prompt: 'Who are you?' }, { session: 's' }).result;
    const second = await engine.start(
      investigation(),
      { prompt: 'why?', continuation_id: continuationId },
      { session: 's' },
    ).result;
    expect(second.continuationId).toBe(continuationId);
    expect(model.calls[1]?.request.messages.slice(0, 4).map(({ role, content }) => [role, content])).toEqual([
      ['system', expect.any(String)],
      ['user', 'Who are you?'],
      ['assistant', 'Call me Ada.'],
      ['user', 'why?'],
    ]);
  });

  // Their worst incident: history embedded in history, 4.7 million tokens for one call.
  it('costs no more after 50 exchanges than its budget, and sends the system prompt once', async () => {
    const model = scriptedModel((_call, index) => ({ text: `answer ${index} ${'word '.repeat(100)}` }));
    const engine = createEngine({ model, historyTokens: 2_000 });
    let continuation: string | undefined;
    for (let index = 0; index < 50; index += 1) {
      const input = {
        prompt: `question ${index}`,
        ...(continuation === undefined ? {} : { continuation_id: continuation }),
      };
      continuation = (await engine.start(chat, input, { session: 's' }).result).continuationId;
    }
    const last = model.calls.at(-1)!.request.messages;
    expect(JSON.stringify(last).length / 3.5).toBeLessThan(2_600);
    expect(last.filter(({ role }) => role === 'system')).toHaveLength(1);
    expect(last.at(-2)?.content).toContain('answer 48');
    expect(JSON.stringify(last).split('question 48').length - 1).toBe(1);
  });

  it.each([
    ['forged', 'made-up', 's'],
    ['of another session', undefined, 'other'],
    ['of a run', 'run', 's'],
  ])('is not found under an id that is %s, and nothing is started', async (_name, forged, session) => {
    const model = scriptedModel([{ text: 'secret' }]);
    const engine = createEngine({ model });
    const { continuationId } = await engine.start(chat, { prompt: 'hi' }, { session: 's', runId: 'run' }).result;
    const run = engine.start(chat, { prompt: 'more', continuation_id: forged ?? continuationId }, { session });
    await expect(run.result).rejects.toMatchObject({ code: 'UNKNOWN_CONTINUATION' });
    expect(model.calls).toHaveLength(1);
    expect(await engine.list()).toHaveLength(1);
  });

  it('carries one run at a time, in the order they came', async () => {
    let running = 0;
    const order: string[] = [];
    const model = scriptedModel(async ({ request }) => {
      running += 1;
      expect(running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      order.push(JSON.stringify(request.messages.at(-1)?.content));
      return { text: 'ok' };
    });
    const engine = createEngine({ model });
    await Promise.all(
      ['a', 'b', 'c'].map((prompt) => engine.start(chat, { prompt }, { conversationId: 'talk', session: 's' }).result),
    );
    expect(order).toEqual(['"a"', '"b"', '"c"']);
    expect(model.calls.at(-1)?.request.messages).toHaveLength(6);
  });
});

describe('bad input starts nothing:', () => {
  it.each<[string, unknown, object]>([
    ['no prompt', {}, {}],
    ['an unknown field', { prompt: 'x', propmt: 'y' }, {}],
    ['a string where a list belongs', { prompt: 'x', files: 'a.ts' }, {}],
    ['an impossible temperature', { prompt: 'x', temperature: 7 }, {}],
    ['a run id with a slash', { prompt: 'x' }, { runId: '../../etc' }],
  ])('%s', (_name, input, options) => {
    const model = scriptedModel([]);
    expect(() => createEngine({ model }).start(chat, input, options)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENTS' }),
    );
  });

  it('a model nobody has', () => {
    const engine = createEngine({
      models: ({ model }) => {
        throw new Error(`no model ${model ?? ''}`);
      },
    });
    expect(() => engine.start(chat, { prompt: 'x', model: 'glm-99' })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENTS', message: 'chat: no model glm-99' }),
    );
  });

  it('neither or both of prompt and step', () => {
    const engine = createEngine({ model: scriptedModel([]) });
    const step = { step: 'looked', step_number: 1, next_step_required: true, findings: 'f', relevant_files: ['a.ts'] };
    for (const input of [{}, { prompt: 'x', ...step }]) {
      expect(() => engine.start(builtInWorkflows.debug, input)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENTS' }),
      );
    }
    expect(() => engine.start(builtInWorkflows.debug, step)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENTS' }),
    );
  });
});
