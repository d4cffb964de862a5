import { describe, expect, it, vi } from 'vitest';

import { createEngine, memoryStore, WorkflowError, type JournalRecord, type WorkflowStore } from '../src/index.ts';
import { scriptedModel } from '../src/testing/index.ts';
import { done, final, investigation, looks } from './investigation.ts';

const SCRIPT = [looks('a.ts', 'b.ts'), done, final];

/** A store that several engines share, as several processes would. */
function shared(clock?: () => number): WorkflowStore {
  return { ...memoryStore(clock), caps: { durable: 'none', multiProcess: true }, close: async () => undefined };
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function recordsOf(store: WorkflowStore, id: string): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of store.read(id)) records.push(record as JournalRecord);
  return records;
}

describe('a run that is put down with prepare', () => {
  it('is driven by whoever resumes it, as if it had been started there', async () => {
    const store = shared();
    const workflow = investigation();
    const model = scriptedModel([]);
    const first = createEngine({ model, store });
    expect(await first.prepare(workflow, { prompt: 'go' }, { runId: 'run', session: 'me', priority: 3 })).toBe('run');
    expect(model.calls).toHaveLength(0);
    expect(await recordsOf(store, 'run')).toMatchObject([{ type: 'run.started', session: 'me', priority: 3 }]);
    const second = createEngine({ model: scriptedModel(SCRIPT), store, workflows: [workflow] });
    expect((await second.resume('run').result).stop).toMatchObject({ kind: 'complete', verified: true });
  });

  it('is put down once, and a run id stands for one piece of work', async () => {
    const store = shared();
    const workflow = investigation();
    const engine = createEngine({ model: scriptedModel([]), store });
    await engine.prepare(workflow, { prompt: 'go' }, { runId: 'run' });
    expect(await engine.prepare(workflow, { prompt: 'go' }, { runId: 'run' })).toBe('run');
    expect(await recordsOf(store, 'run')).toHaveLength(1);
    await expect(engine.prepare(workflow, { prompt: 'other' }, { runId: 'run' })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await expect(engine.prepare(workflow, { prompt: 'go' }, { runId: 'bad id' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENTS',
    });
  });

  it('can be sent again when the process died between the header and the first record', async () => {
    const inner = shared();
    const workflow = investigation();
    const dying: WorkflowStore = {
      ...inner,
      append: async () => {
        throw new WorkflowError('STORE_FAILED', 'gone');
      },
    };
    const put = (store: WorkflowStore): Promise<string> =>
      createEngine({ model: scriptedModel([]), store, ids: () => 'same' }).prepare(
        workflow,
        { prompt: 'go' },
        { runId: 'run' },
      );
    await expect(put(dying)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await put(inner)).toBe('run');
    expect(await recordsOf(inner, 'run')).toHaveLength(1);
  });
});

describe('a lease', () => {
  it('is given to resume as a fence, carried by every append, and given back', async () => {
    const inner = shared();
    const workflow = investigation();
    const epochs = new Set<number>();
    const store: WorkflowStore = {
      ...inner,
      append: async (id, expected, records, lease) => {
        if (id === 'run') epochs.add(lease.epoch);
        return await inner.append(id, expected, records, lease);
      },
    };
    const engine = createEngine({ model: scriptedModel(SCRIPT), store });
    await engine.prepare(workflow, { prompt: 'go' }, { runId: 'run' });
    epochs.clear();
    const fence = await inner.acquire('run', 'dispatcher', 60_000);
    const other = createEngine({ model: scriptedModel([]), store, workflows: [workflow] });
    await expect(other.resume('run', { wait: false }).result).rejects.toMatchObject({ code: 'LOCKED' });
    expect((await engine.resume('run', { fence: fence! }).result).stop.kind).toBe('complete');
    expect([...epochs]).toEqual([fence?.epoch]);
    expect(await inner.acquire('run', 'next', 1)).toBeDefined();
  });

  it('of another process is waited for: its end is the end here, and its death lets us go on', async () => {
    const store = shared();
    const workflow = investigation();
    const gate = withResolvers<void>();
    const first = createEngine({
      model: scriptedModel([{ ...looks('a.ts', 'b.ts'), gate: gate.promise }, done, final]),
      store,
    });
    const run = first.start(workflow, { prompt: 'go' }, { runId: 'run' });
    for await (const event of run) if (event.type === 'step.started') break;
    const second = createEngine({ model: scriptedModel([]), store, leaseMs: 200 });
    const joined = second.start(workflow, { prompt: 'go' }, { runId: 'run' });
    await expect(second.cancel('other').catch((error: unknown) => error)).resolves.toMatchObject({
      code: 'RUN_NOT_FOUND',
    });
    gate.resolve();
    expect(await joined.result).toEqual(await run.result);
    await second.prepare(workflow, { prompt: 'go' }, { runId: 'orphan' });
    await store.acquire('orphan', 'dead', 300);
    const heir = createEngine({ model: scriptedModel(SCRIPT), store, leaseMs: 200 });
    expect((await heir.start(workflow, { prompt: 'go' }, { runId: 'orphan' }).result).stop.kind).toBe('complete');
  });

  it('of another process is no reason to wait longer than the caller does, and keeps a cancel out', async () => {
    const store = shared();
    const workflow = investigation();
    const engine = createEngine({ model: scriptedModel([]), store, workflows: [workflow] });
    await engine.prepare(workflow, { prompt: 'go' }, { runId: 'run' });
    await store.acquire('run', 'elsewhere', 60_000);
    const waiting = engine.resume('run', { signal: AbortSignal.timeout(50) });
    await expect(waiting.result).rejects.toMatchObject({ code: 'LOCKED' });
    await expect(engine.cancel('run')).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('of another run is no fence', async () => {
    const engine = createEngine({ model: scriptedModel([]), store: shared() });
    const fence = { id: 'other', owner: 'me', epoch: 1, expiresAt: 0 };
    expect(() => engine.resume('run', { fence })).toThrow('the fence of other is not one of run run');
  });

  it('is given back when the run cannot be resumed', async () => {
    const store = shared();
    await createEngine({ model: scriptedModel([]), store }).prepare(investigation(), { prompt: 'x' }, { runId: 'run' });
    const stranger = createEngine({ model: scriptedModel([]), store });
    const fence = await store.acquire('run', 'dispatcher', 60_000);
    await expect(stranger.resume('run', { fence: fence! }).result).rejects.toMatchObject({ code: 'UNKNOWN_TOOL' });
    expect(await store.acquire('run', 'next', 1)).toBeDefined();
  });

  it('that went to another process ends the run here: its call is aborted, nothing more is written or remembered', async () => {
    let now = 1_000;
    const store = shared(() => now);
    const workflow = investigation();
    const asked = withResolvers<AbortSignal | undefined>();
    const model = scriptedModel(async ({ options }) => {
      asked.resolve(options.signal);
      await new Promise((_resolve, reject) => {
        options.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
      return {};
    });
    const engine = createEngine({ model, store, clock: () => now, leaseMs: 60 });
    const run = engine.start(workflow, { prompt: 'go' }, { runId: 'run', conversationId: 'talk', owner: 'me' });
    const signal = await asked.promise;
    now += 61;
    const taken = await store.acquire('run', 'heir', 60_000);
    await expect(run.result).rejects.toMatchObject({ code: 'FENCED' });
    expect(signal?.aborted).toBe(true);
    expect((await recordsOf(store, 'run')).map(({ type }) => type)).toEqual([
      'run.started',
      'decision',
      'step.started',
    ]);
    const talk = await recordsOf(store, 'talk');
    expect(talk).toEqual([]);
    const heir = createEngine({ model: scriptedModel(SCRIPT), store, clock: () => now, workflows: [workflow] });
    expect((await heir.resume('run', { fence: taken! }).result).stop.kind).toBe('complete');
    expect(await recordsOf(store, 'talk')).toHaveLength(1);
  });

  it('is renewed while a call takes longer than it lasts', async () => {
    const store = shared();
    const gate = withResolvers<void>();
    const renewed = withResolvers<void>();
    let renewals = 0;
    const counting: WorkflowStore = {
      ...store,
      renew: async (lease, ttlMs) => {
        renewals += 1;
        if (renewals === 2) throw new WorkflowError('STORE_FAILED', 'once');
        if (renewals === 5) renewed.resolve();
        return await store.renew(lease, ttlMs);
      },
    };
    const model = scriptedModel([{ ...looks('a.ts', 'b.ts'), gate: gate.promise }, done, final]);
    const engine = createEngine({ model, store: counting, leaseMs: 90 });
    const run = engine.start(investigation(), { prompt: 'go' }, { runId: 'run' });
    await renewed.promise;
    gate.resolve();
    expect((await run.result).stop.kind).toBe('complete');
  });
});

describe('handing a run over', () => {
  it('leaves no word in its journal or its conversation, and frees it for the next process', async () => {
    const store = shared();
    const workflow = investigation();
    const script = [{ ...looks('a.ts'), text: 'a thought' }, { gate: new Promise(() => undefined) }];
    const engine = createEngine({ model: scriptedModel(script), store });
    const run = engine.start(workflow, { prompt: 'go' }, { runId: 'run', conversationId: 'talk', owner: 'me' });
    const failed = expect(run.result).rejects.toMatchObject({ code: 'FENCED' });
    for await (const event of run) if (event.type === 'step.started' && event.step === 2) break;
    await engine.handOver('run');
    await failed;
    const types = (await recordsOf(store, 'run')).map(({ type }) => type);
    expect(types.at(-1)).toBe('step.started');
    const next = createEngine({ model: scriptedModel([looks('b.ts'), done, final]), store, workflows: [workflow] });
    const again = next.resume('run');
    const failedAgain = expect(again.result).rejects.toMatchObject({ code: 'FENCED' });
    await next.handOver('run');
    await failedAgain;
    expect(await recordsOf(store, 'talk')).toEqual([]);
    expect((await next.resume('run').result).stop).toMatchObject({ kind: 'complete', verified: true });
    expect(await recordsOf(store, 'talk')).toHaveLength(1);
  });

  it('works before the journal has been read, and is nothing for a run driven elsewhere', async () => {
    const store = shared();
    const workflow = investigation();
    const engine = createEngine({ model: scriptedModel([]), store });
    await engine.prepare(workflow, { prompt: 'go' }, { runId: 'run' });
    const run = engine.resume('run');
    const failed = expect(run.result).rejects.toMatchObject({ code: 'FENCED' });
    await engine.handOver('run');
    await failed;
    expect(await recordsOf(store, 'run')).toHaveLength(1);
    await engine.handOver('unknown');
  });
});

describe('a journal that runs share', () => {
  it('waits for the lease of a process that died in the middle of an append', async () => {
    vi.useFakeTimers();
    try {
      const store = shared(() => Date.now());
      const engine = createEngine({ model: scriptedModel([{ text: 'hello' }]), store });
      await store.create({ id: 'talk', kind: 'conversation', version: 1, createdAt: 1, owner: 'me' });
      await store.acquire('talk', 'dead', 5_000);
      const { builtInWorkflows } = await import('../src/index.ts');
      const run = engine.start(builtInWorkflows.chat, { prompt: 'hi' }, { conversationId: 'talk', owner: 'me' });
      await vi.advanceTimersByTimeAsync(6_000);
      expect((await run.result).text).toBe('hello');
      expect(await recordsOf(store, 'talk')).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is read again after a store that failed once', async () => {
    const inner = shared();
    let failures = 1;
    const store: WorkflowStore = {
      ...inner,
      create: async (header) => {
        if (header.kind === 'calibration' && failures-- > 0) throw new WorkflowError('STORE_FAILED', 'away');
        return await inner.create(header);
      },
    };
    const workflow = investigation();
    const engine = createEngine({ model: scriptedModel(SCRIPT), store });
    await expect(engine.start(workflow, { prompt: 'go' }, { runId: 'one' }).result).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
    expect((await engine.start(workflow, { prompt: 'go' }, { runId: 'two' }).result).stop.kind).toBe('complete');
  });
});
