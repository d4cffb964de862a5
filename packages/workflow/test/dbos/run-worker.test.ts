import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DBOS } from '@dbos-inc/dbos-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createRunWorker, type DbosPort, type RunWorker } from '../../src/dbos/index.ts';
import { builtInWorkflows, createEngine, memoryStore, type Engine } from '../../src/index.ts';
import { postgresStore, type PostgresStore } from '../../src/postgres/index.ts';
import { scriptedModel } from '../../src/testing/index.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../../../test/services/start-postgres.ts';
import { gatedModel, gatedSteps, STEPS } from './gated-steps.ts';

const CONCURRENCY = 2;

describe.runIf(hasPostgres('createRunWorker'))('a worker on DBOS', () => {
  let postgres: TestPostgres;
  let store: PostgresStore;
  let engine: Engine;
  let worker: RunWorker;
  let dir: string;
  let driven = 0;
  let peak = 0;

  beforeAll(async () => {
    postgres = await startPostgres();
    dir = await mkdtemp(join(tmpdir(), 'exai-dbos-'));
    store = postgresStore({ url: postgres.url });
    engine = createEngine({ model: gatedModel(dir, 1), store, workflows: [gatedSteps(dir)] });
    engine.on('run.finished', () => {
      driven -= 1;
    });
    worker = createRunWorker({ dbos: DBOS, engine, store, concurrency: CONCURRENCY, maxLeases: 6 });
    await expect(worker.start()).rejects.toThrow('DBOS is not launched');
    DBOS.setConfig({ name: 'exai', systemDatabaseUrl: postgres.url, applicationVersion: 'test', logLevel: 'error' });
    await DBOS.launch();
    await worker.start();
  });
  afterAll(async () => {
    await worker.stop();
    await DBOS.shutdown();
    await engine.close();
    await postgres.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('drives a run as a DBOS workflow of the same id that records no steps', async () => {
    await writeFile(join(dir, 'go'), '');
    expect(await worker.dispatch(gatedSteps(dir), { prompt: 'run-one' }, { runId: 'run-one' })).toBe('run-one');
    const info = await worker.settled('run-one');
    expect(info).toMatchObject({ status: 'finished', steps: STEPS, result: { stop: { kind: 'complete' } } });
    expect(await DBOS.listWorkflowSteps('run-one')).toEqual([]);
    const status = await DBOS.getWorkflowStatus('run-one');
    expect(status).toMatchObject({ status: 'SUCCESS', workflowName: 'exai-runs', output: 'complete' });
    expect((await store.leaseStates(['run-one'])).get('run-one')?.state).toBe('free');
  });

  it('joins a run that is sent again, and refuses other work under its id', async () => {
    await worker.dispatch(gatedSteps(dir), { prompt: 'run-one' }, { runId: 'run-one' });
    expect(await DBOS.listWorkflows({ workflow_id_prefix: 'run-one' })).toHaveLength(1);
    const other = worker.dispatch(gatedSteps(dir), { prompt: 'run-two' }, { runId: 'run-one' });
    await expect(other).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('drives no more runs at once than it was told to', async () => {
    await rm(join(dir, 'go'));
    engine.on('step.started', ({ step }) => {
      if (step === 1) driven += 1;
      peak = Math.max(peak, driven);
    });
    driven = 0;
    const runIds = Array.from({ length: 3 * CONCURRENCY }, (_, index) => `run-c${index}`);
    await Promise.all(runIds.map((runId) => worker.dispatch(gatedSteps(dir), { prompt: runId }, { runId })));
    await expect.poll(() => driven, { timeout: 30_000 }).toBe(CONCURRENCY);
    await writeFile(join(dir, 'go'), '');
    const infos = await Promise.all(runIds.map((runId) => worker.settled(runId)));
    expect(infos.map(({ status }) => status)).toEqual(runIds.map(() => 'finished'));
    expect(peak).toBe(CONCURRENCY);
  });

  it('reports a run that cannot be driven here as failed', async () => {
    const other = createEngine({ model: scriptedModel([]), store: { ...store, close: async () => undefined } });
    const unknown = { ...gatedSteps(dir), name: 'unknown-here' };
    await other.prepare(unknown, { prompt: 'run-u' }, { runId: 'run-u' });
    await DBOS.enqueueWorkflowWithOptions(
      { workflowName: 'exai-runs', queueName: 'exai-runs', workflowID: 'run-u' },
      'run-u',
    );
    await expect(worker.settled('run-u')).rejects.toThrow('no workflow unknown-here');
  });

  it('ends a run that was leased too often without finishing', async () => {
    await engine.prepare(gatedSteps(dir), { prompt: 'run-p' }, { runId: 'run-p' });
    await postgres.sql("update exai.journals set epoch = 6 where id = 'run-p'");
    await worker.dispatch(gatedSteps(dir), { prompt: 'run-p' }, { runId: 'run-p' });
    expect((await worker.settled('run-p')).result?.stop).toEqual({
      kind: 'canceled',
      by: 'leased more than 6 times',
    });
  });

  it('waits while another process drives the run, and goes on when its lease ends', async () => {
    await engine.prepare(gatedSteps(dir), { prompt: 'run-w' }, { runId: 'run-w' });
    await store.acquire('run-w', 'elsewhere', 2_000);
    await worker.dispatch(gatedSteps(dir), { prompt: 'run-w' }, { runId: 'run-w' });
    expect((await worker.settled('run-w')).result?.stop.kind).toBe('complete');
  });

  it('hands what it drives over when it stops', async () => {
    await rm(join(dir, 'go'));
    await worker.dispatch(gatedSteps(dir), { prompt: 'run-h' }, { runId: 'run-h' });
    await expect.poll(async () => (await engine.get('run-h'))?.steps, { timeout: 30_000 }).toBe(3);
    await worker.stop();
    expect((await store.leaseStates(['run-h'])).get('run-h')).toEqual({ state: 'free', lastType: 'step.started' });
    expect(await DBOS.getWorkflowStatus('run-h')).toMatchObject({ status: 'PENDING' });
  });
});

describe('createRunWorker, badly called', () => {
  const unused = (): never => {
    throw new Error('not called here');
  };
  const dbos: DbosPort = {
    isInitialized: () => false,
    registerWorkflow: (body) => body,
    registerQueue: unused,
    startWorkflow: unused,
    resumeWorkflow: unused,
    listWorkflows: unused,
    getResult: unused,
  };
  const store = { ...memoryStore(), leaseStates: async () => new Map() };
  const make = (options: object): RunWorker =>
    createRunWorker({
      dbos,
      engine: createEngine({ model: scriptedModel([]), store }),
      store,
      ...options,
    });

  it('leaves a run that waits for a human as it is', async () => {
    let body: (runId: string) => Promise<string> = unused;
    const engine = createEngine({ model: scriptedModel([]), store });
    make({
      engine,
      dbos: {
        ...dbos,
        registerWorkflow: (given: typeof body) => {
          body = given;
          return given;
        },
      },
    });
    await engine.prepare(builtInWorkflows.chat, { prompt: 'hello' }, { runId: 'run' });
    const lease = await store.acquire('run', 'asker', 1_000);
    await store.append('run', 1, [{ seq: 2, at: 1, type: 'run.suspended' }], lease!);
    await store.release(lease!);
    expect(await body('run')).toBe('suspended');
    expect(await store.acquire('run', 'next', 1)).toBeDefined();
  });

  it('must come before DBOS is launched', () => {
    expect(() => make({ dbos: { isInitialized: () => true } })).toThrow(
      'createRunWorker must come before DBOS.launch()',
    );
  });

  it.each(['concurrency', 'globalConcurrency', 'leaseMs', 'sweepMs', 'maxLeases'])('throws for a bad %s', (name) => {
    expect(() => make({ [name]: 0 })).toThrow(`${name} must be a positive integer, got 0`);
  });
});
