import { describe, expect, it } from 'vitest';

import { builtInWorkflows, createEngine, WorkflowError, type RunEvent } from '../src/index.ts';
import { scriptedModel } from '../src/testing/index.ts';

const { chat } = builtInWorkflows;

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe('a chat run', () => {
  it('answers, streams the text, and says that nothing was verified', async () => {
    const model = scriptedModel([
      { text: 'Hello there', events: [{ type: 'waiting' }, { type: 'granted', waitedMs: 7 }] },
    ]);
    const run = createEngine({ model }).start(chat, { prompt: 'hi' });
    const events = await collect(run);
    const result = await run.result;
    expect(result.text).toBe('Hello there');
    expect(result.stop).toEqual({ kind: 'complete', verified: false, gaps: [] });
    expect(result.usage.waitedMs).toBe(7);
    expect(result.continuationId).toBeTypeOf('string');
    expect(events.filter(({ type }) => type === 'model.delta')).toMatchObject([{ text: 'Hello there' }]);
    expect(events.at(-1)?.type).toBe('run.finished');
  });

  it('shows its events again from any seq after it has ended', async () => {
    const run = createEngine({ model: scriptedModel([{ text: 'one' }]) }).start(chat, { prompt: 'hi' });
    await run.result;
    const all = await collect(run);
    expect(await collect(run.events({ fromSeq: 3 }))).toEqual(all.slice(2));
  });

  it('ends as canceled when the signal fires while the model answers', async () => {
    const abort = new AbortController();
    const model = scriptedModel([{ text: 'never', gate: new Promise(() => undefined) }]);
    const run = createEngine({ model }).start(chat, { prompt: 'hi' }, { signal: abort.signal });
    setImmediate(() => abort.abort('user left'));
    expect((await run.result).stop).toEqual({ kind: 'canceled', by: 'user left' });
    expect((await collect(run)).filter(({ type }) => type === 'run.finished')).toHaveLength(1);
  });

  it('refuses input that does not fit, and starts nothing', () => {
    const model = scriptedModel([]);
    const engine = createEngine({ model });
    expect(() => engine.start(chat, { promt: 'typo' })).toThrow(WorkflowError);
    expect(model.calls).toHaveLength(0);
  });
});
