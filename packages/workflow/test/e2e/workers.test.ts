import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DBOS } from '@dbos-inc/dbos-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { JournalRecord } from '../../src/index.ts';
import { postgresStore, type PostgresStore } from '../../src/postgres/index.ts';
import { GATE, STEPS } from '../dbos/gated-steps.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../../../test/services/start-postgres.ts';
import { WorkerProcess } from './worker-process.ts';

const RUNS = 20;
const ROUNDS = process.env['EXAI_PROOF'] === 'full' ? 5 : 1;
/** From the kill to the end of the last run. */
const BAR_MS = 15_000;

describe.runIf(hasPostgres('workers on one PostgreSQL'))('two workers on one PostgreSQL', () => {
  let postgres: TestPostgres;
  let url: string;
  let store: PostgresStore;
  const workers: WorkerProcess[] = [];
  const folders: string[] = [];

  beforeAll(async () => {
    postgres = await startPostgres();
    url = await postgres.database();
    store = postgresStore({ url });
    await store.open();
    // DBOS makes its tables here: several first launches at once can end in a deadlock.
    await DBOS.migrate(url);
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    await store.close();
    await postgres.close();
    for (const dir of folders) await rm(dir, { recursive: true, force: true });
  });

  async function folder(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'exai-workers-'));
    folders.push(dir);
    return dir;
  }

  async function start(dir: string, ...names: string[]): Promise<WorkerProcess[]> {
    const started = names.map((name) => new WorkerProcess(url, name, dir, RUNS / 2));
    workers.push(...started);
    await Promise.all(started.map((worker) => worker.ready()));
    return started;
  }

  /** How often each run was leased. */
  async function epochs(runIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await postgres.sql(
      'select id, epoch from exai.journals where id = any($1)',
      [runIds],
      url.split('/').at(-1),
    );
    return new Map(rows.map(({ id, epoch }) => [String(id), Number(epoch)]));
  }

  async function recordsOf(runId: string): Promise<JournalRecord[]> {
    const records: JournalRecord[] = [];
    for await (const record of store.read(runId)) records.push(record as JournalRecord);
    return records;
  }

  const journals = async (runIds: readonly string[]): Promise<Map<string, JournalRecord[]>> =>
    new Map(await Promise.all(runIds.map(async (id) => [id, await recordsOf(id)] as const)));

  /** Waits until every run's last record is of a kind. */
  async function untilAll(runIds: readonly string[], isThere: (lastType: string, step: number) => boolean) {
    await expect
      .poll(
        async () => {
          const all = [...(await journals(runIds)).values()];
          return all.filter((records) => {
            const last = records.at(-1);
            return last !== undefined && isThere(last.type, 'step' in last ? last.step : 0);
          }).length;
        },
        { timeout: 60_000, interval: 50 },
      )
      .toBe(runIds.length);
  }

  const atGate = (type: string, step: number): boolean => type === 'step.started' && step === GATE;
  const atEnd = (type: string): boolean => type === 'run.finished';

  /** Nothing lost, nothing changed, nothing that was complete ran again. */
  function check(runId: string, before: readonly JournalRecord[], after: readonly JournalRecord[], notes: string[]) {
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.map(({ seq }) => seq)).toEqual(after.map((_, index) => index + 1));
    expect(after.filter(({ type }) => type === 'run.finished')).toHaveLength(1);
    expect(after.at(-1)).toMatchObject({ type: 'run.finished', stop: { kind: 'complete', verified: true } });
    for (const record of before) {
      if (record.type === 'model.finished')
        expect(notes.filter((line) => line === `model ${runId} ${record.step}`)).toHaveLength(1);
    }
    const keys = after.flatMap((record) => (record.type === 'tool.started' ? [record.idempotencyKey] : []));
    expect(new Set(keys).size).toBe(STEPS - 1);
    for (const key of keys) expect(notes.filter((line) => line.endsWith(` ${key}`))).toHaveLength(1);
  }

  it.each(Array.from({ length: ROUNDS }, (_, index) => index + 1))(
    'finish 20 runs within 15 s of a kill -9 of one of them, and run no completed step again (round %i)',
    { timeout: 120_000 },
    async (round) => {
      const dir = await folder();
      const [first, second] = await start(dir, `a${round}`, `b${round}`);
      const runIds = Array.from({ length: RUNS }, (_, index) => `run-k${round}-${index}`);
      await first?.dispatch(runIds);
      await untilAll(runIds, atGate);
      const holders = await postgres.sql(
        "select executor_id, count(*)::int as runs from dbos.workflow_status where status = 'PENDING' group by 1 order by 1",
        [],
        url.split('/').at(-1),
      );
      expect(holders).toEqual([`a${round}`, `b${round}`].map((executor_id) => ({ executor_id, runs: RUNS / 2 })));
      const before = await journals(runIds);
      await first?.kill();
      const killedAt = performance.now();
      await writeFile(join(dir, 'go'), '');
      await untilAll(runIds, atEnd);
      const tookMs = performance.now() - killedAt;
      console.log(`20 runs finished ${Math.round(tookMs)} ms after the kill`);
      const notes = (await readFile(join(dir, 'notes'), 'utf8')).split('\n');
      const after = await journals(runIds);
      for (const id of runIds) check(id, before.get(id) ?? [], after.get(id) ?? [], notes);
      expect(tookMs).toBeLessThanOrEqual(BAR_MS);
      await second?.kill();
    },
  );

  it(
    'refuse the appends of a worker that was stopped and woke up after its runs were taken over',
    { timeout: 120_000 },
    async () => {
      const dir = await folder();
      const [sleeper] = await start(dir, 'sleeper');
      const runIds = Array.from({ length: 4 }, (_, index) => `run-s-${index}`);
      await sleeper?.dispatch(runIds);
      await untilAll(runIds, atGate);
      const before = await journals(runIds);
      sleeper?.signal('SIGSTOP');
      const held = await epochs(runIds);
      await start(dir, 'heir');
      await untilAll(runIds, (type, step) => type !== 'run.finished' && step === GATE);
      // Taken over as soon as they expire, one by one.
      await expect
        .poll(async () => [...(await epochs(runIds))].filter(([id, epoch]) => epoch > (held.get(id) ?? 0)).length, {
          timeout: 60_000,
        })
        .toBe(runIds.length);
      await writeFile(join(dir, 'go'), '');
      await untilAll(runIds, atEnd);
      const finished = await journals(runIds);
      sleeper?.signal('SIGCONT');
      for (const runId of runIds) expect(await sleeper?.staleAppend(runId)).toBe('FENCED');
      // Long enough for what the sleeper had under way to fail.
      await expect
        .poll(
          async () =>
            await postgres.sql(
              "select count(*)::int as open from dbos.workflow_status where status not in ('SUCCESS')",
              [],
              url.split('/').at(-1),
            ),
          { timeout: 30_000 },
        )
        .toEqual([{ open: 0 }]);
      expect(await journals(runIds)).toEqual(finished);
      const notes = (await readFile(join(dir, 'notes'), 'utf8')).split('\n');
      for (const id of runIds) check(id, before.get(id) ?? [], finished.get(id) ?? [], notes);
    },
  );
});
