import { getEventListeners } from 'node:events';

import { describe, expect, it } from 'vitest';

import {
  createEngine,
  memoryStore,
  WorkflowError,
  type EvidenceTool,
  type RunEvent,
  type ToolContext,
  type Workflow,
} from '../src/index.ts';
import { scriptedModel } from '../src/testing/index.ts';
import { done, final, investigation, look, looks } from './investigation.ts';

/** A workflow whose tool behaves as told. */
function withTool(execute: (path: string, context: ToolContext) => Promise<string>): Workflow {
  const tool: EvidenceTool = {
    ...look,
    execute: async (args, context) => {
      const { path } = args as { path: string };
      return { content: await execute(path, context), source: path };
    },
  };
  return investigation({ tools: [tool] });
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
  });

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a canceled run', () => {
  // vercel/ai#8107, #12878: one terminal event, and an abort is never a tool's answer.
  it('ends once, as canceled, when it is canceled inside a tool; the abort is no result of the tool', async () => {
    const { promise: started, resolve } = withResolvers();
    const run = createEngine({ model: scriptedModel([looks('a.ts')]) }).start(
      withTool((_path, { signal }) => {
        resolve();
        return untilAborted(signal);
      }),
      { prompt: 'go' },
    );
    await started;
    await run.cancel('tester');
    expect((await run.result).stop).toEqual({ kind: 'canceled', by: 'tester' });
    const types = (await collect(run)).map(({ type }) => type);
    expect(types.filter((type) => type === 'run.finished')).toHaveLength(1);
    expect(types).not.toContain('tool.finished');
  });

  // mastra#15990: cancel said OK and the loop went on.
  it('makes no further step', async () => {
    const model = scriptedModel((_call, index) => looks(`n${index}`));
    const engine = createEngine({ model });
    const run = engine.start(
      withTool(async (path) => path),
      { prompt: 'go' },
      { runId: 'run' },
    );
    for await (const event of run) if (event.type === 'step.finished' && event.step === 3) break;
    await engine.cancel('run', 'tester');
    const calls = model.calls.length;
    await settle();
    expect(model.calls).toHaveLength(calls);
    expect(calls).toBeLessThan(8);
    expect((await run.result).stop).toEqual({ kind: 'canceled', by: 'tester' });
  });

  // mastra#19599: every callee gets the signal.
  it('hands its signal to every model call and every tool', async () => {
    const signals: AbortSignal[] = [];
    const model = scriptedModel([looks('a.ts', 'b.ts'), done, final]);
    const run = createEngine({ model }).start(
      withTool(async (path, { signal }) => {
        signals.push(signal);
        return path === 'a.ts' ? 'reduce' : 'throws';
      }),
      { prompt: 'go' },
    );
    await run.result;
    for (const { options } of model.calls) expect(options.signal).toBeInstanceOf(AbortSignal);
    // One signal per call: the end of one call never ends another (kimi-code PR#3626).
    expect(new Set(signals).size).toBe(2);
  });

  // openclaw PR#102276, cline PR#14197: a call that is ready to start must not start after the cancel.
  it('starts no tool after the cancel, even one already written down', async () => {
    const inner = memoryStore();
    let ran = 0;
    const abort = new AbortController();
    const store = {
      ...inner,
      append: async (...args: Parameters<typeof inner.append>) => {
        const seq = await inner.append(...args);
        if (args[2].some(({ type }) => type === 'tool.started')) abort.abort('now');
        return seq;
      },
    };
    const run = createEngine({ model: scriptedModel([looks('a.ts', 'b.ts')]), store }).start(
      withTool(async () => `${(ran += 1)}`),
      { prompt: 'go' },
      { signal: abort.signal },
    );
    expect((await run.result).stop).toEqual({ kind: 'canceled', by: 'now' });
    expect(ran).toBe(0);
  });

  // openai-agents-js PR#1581, PR#1528: nothing may run on after the end.
  it('waits for tools that are still at work, but not for ever', async () => {
    let cleaned = false;
    const { promise: started, resolve } = withResolvers();
    const slow = createEngine({ model: scriptedModel([looks('a.ts')]) }).start(
      withTool(async (_path, { signal }) => {
        resolve();
        await untilAborted(signal).catch(() => undefined);
        await settle();
        cleaned = true;
        throw new Error('stopped');
      }),
      { prompt: 'go' },
    );
    await started;
    await slow.cancel();
    expect(cleaned).toBe(true);
    const { promise: stuck, resolve: isStuck } = withResolvers();
    const deaf = createEngine({ model: scriptedModel([looks('a.ts')]), drainMs: 20 }).start(
      withTool(() => {
        isStuck();
        return new Promise(() => undefined);
      }),
      { prompt: 'go' },
    );
    await stuck;
    await deaf.cancel();
    expect((await deaf.result).stop).toMatchObject({ kind: 'canceled' });
  });

  it('waiting for its turn in a conversation ends at once', async () => {
    const model = scriptedModel((_call, index) =>
      index === 0 ? { text: 'x', gate: new Promise(() => undefined) } : { text: 'y' },
    );
    const engine = createEngine({ model });
    const first = engine.start(investigation(), { prompt: 'one' }, { conversationId: 'talk' });
    const second = engine.start(investigation(), { prompt: 'two' }, { conversationId: 'talk' });
    await settle();
    await second.cancel('impatient');
    expect((await second.result).stop).toEqual({ kind: 'canceled', by: 'impatient' });
    expect(model.calls).toHaveLength(1);
    await first.cancel();
  });

  it('can be canceled by id when nobody drives it, and resumed', async () => {
    const store = memoryStore();
    const workflow = investigation();
    const broken = {
      ...store,
      append: (id: string, seq: number, ...rest: [never, never]) =>
        seq > 4 && id === 'run'
          ? Promise.reject(new WorkflowError('STORE_FAILED', 'gone'))
          : store.append(id, seq, ...rest),
    };
    await expect(
      createEngine({ model: scriptedModel([looks('a.ts')]), store: broken }).start(
        workflow,
        { prompt: 'go' },
        { runId: 'run' },
      ).result,
    ).rejects.toMatchObject({ code: 'STORE_FAILED' });
    const engine = createEngine({
      model: scriptedModel([looks('a.ts', 'b.ts'), done, final]),
      store,
      workflows: [workflow],
    });
    expect((await engine.get('run'))?.status).toBe('interrupted');
    await engine.cancel('run', 'operator');
    expect((await engine.get('run'))?.result?.stop).toEqual({ kind: 'canceled', by: 'operator' });
    expect((await engine.resume('run').result).stop).toMatchObject({ kind: 'complete' });
    await expect(engine.resume('run').result).rejects.toMatchObject({ code: 'RUN_FINISHED' });
    await expect(engine.cancel('nobody')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });
});

describe('calls of one step', () => {
  // pi PR#7374: a stuck call must not keep the results of the others from being written.
  it('are written as each one ends, while another one is stuck', async () => {
    const { promise: release, resolve } = withResolvers();
    const run = createEngine({ model: scriptedModel([looks('a.ts', 'b.ts'), done, final]) }).start(
      withTool(async (path) => {
        if (path === 'a.ts') await release;
        return path === 'a.ts' ? 'reduce' : 'throws';
      }),
      { prompt: 'go' },
    );
    for await (const event of run) {
      if (event.type !== 'tool.finished') continue;
      expect(event.content).toBe('throws');
      break;
    }
    resolve();
    expect((await run.result).stop).toMatchObject({ kind: 'complete' });
  });

  it('do not end one another: an error is a result for the model', async () => {
    const model = scriptedModel([looks('bad', 'b.ts', 'a.ts'), done, final]);
    const run = createEngine({ model }).start(
      withTool(async (path) => {
        if (path === 'bad') throw new Error('disk on fire');
        await settle();
        return path === 'a.ts' ? 'reduce' : 'throws';
      }),
      { prompt: 'go' },
    );
    expect((await run.result).stop).toMatchObject({ kind: 'complete', verified: true });
    expect(model.calls[1]?.request.messages).toContainEqual(
      expect.objectContaining({ role: 'tool', content: 'disk on fire' }),
    );
  });

  it('that name no tool, or whose arguments do not fit, are answered with an error', async () => {
    const model = scriptedModel([
      {
        toolCalls: [
          { name: 'nonsense', arguments: {} },
          { name: 'look', arguments: { file: 1 } },
          { name: 'look', arguments: null, error: 'not JSON' },
        ],
      },
      looks('a.ts', 'b.ts'),
      done,
      final,
    ]);
    const run = createEngine({ model }).start(investigation(), { prompt: 'go' });
    expect((await run.result).stop).toMatchObject({ kind: 'complete' });
    const answers = model.calls[1]?.request.messages
      .filter(({ role }) => role === 'tool')
      .map(({ content }) => content);
    expect(answers).toEqual(['there is no tool nonsense', expect.stringContaining('INVALID_ARGUMENTS'), 'not JSON']);
  });
});

describe('signals', () => {
  // nodejs/node#55328 and many: listeners pile up.
  it('keep a flat count of listeners over many runs and many steps', async () => {
    const abort = new AbortController();
    const counts: number[] = [];
    const model = scriptedModel(({ request }, index) => {
      counts.push(getEventListeners(abort.signal, 'abort').length);
      return request.tools === undefined ? { text: 'x' } : looks(`n${index}`);
    });
    const engine = createEngine({ model });
    for (let run = 0; run < 10; run += 1) {
      await engine.start(
        withTool(async (path) => path),
        { prompt: 'go' },
        { signal: abort.signal, termination: { safetyLimit: 20 } },
      ).result;
    }
    expect(Math.max(...counts)).toBe(1);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    const inside = model.calls.map(({ options }) => getEventListeners(options.signal!, 'abort').length);
    expect(Math.max(...inside)).toBe(0);
  });
});

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
