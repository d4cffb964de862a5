import { DBOS } from '@dbos-inc/dbos-sdk';

import { createRunWorker } from '../../src/dbos/index.ts';
import { createEngine, WorkflowError, type Lease } from '../../src/index.ts';
import { postgresStore, type PostgresStore } from '../../src/postgres/index.ts';
import { gatedModel, gatedSteps } from '../dbos/gated-steps.ts';

/** A worker: drives runs, dispatches those it is told to, and tells how an append under an earlier lease of its goes. */
const [url = '', name = '', dir = '', concurrency = '10'] = process.argv.slice(2);
const STEP_MS = 60;

const inner = postgresStore({ url });
const leases = new Map<string, Lease>();
const store: PostgresStore = {
  ...inner,
  acquire: async (id, owner, ttlMs) => {
    const lease = await inner.acquire(id, owner, ttlMs);
    if (lease !== undefined) leases.set(id, lease);
    return lease;
  },
};
const workflow = gatedSteps(dir);
const engine = createEngine({ model: gatedModel(dir, STEP_MS), store, workflows: [workflow] });
const worker = createRunWorker({ dbos: DBOS, engine, store, concurrency: Number(concurrency) });
DBOS.setConfig({
  name: 'exai',
  systemDatabaseUrl: url,
  executorID: name,
  applicationVersion: 'test',
  logLevel: 'error',
});
await DBOS.launch();
await worker.start();

process.on('message', (message: { dispatch?: readonly string[]; stale?: string; lease?: Lease }) => {
  void handle(message).catch((error: unknown) => process.send?.({ failed: String(error) }));
});
process.send?.({ ready: name });

async function handle({
  dispatch = [],
  stale,
}: {
  readonly dispatch?: readonly string[];
  readonly stale?: string;
}): Promise<void> {
  await Promise.all(dispatch.map((runId) => worker.dispatch(workflow, { prompt: runId }, { runId })));
  if (dispatch.length > 0) process.send?.({ dispatched: dispatch.length });
  if (stale !== undefined) process.send?.({ stale: await appendUnder(stale) });
}

/** What becomes of a well-placed append under the lease this process once had. */
async function appendUnder(runId: string): Promise<string> {
  const lease = leases.get(runId);
  if (lease === undefined) return 'no lease';
  const past = [];
  for await (const record of inner.read(runId)) past.push(record);
  const record = { seq: past.length + 1, at: Date.now(), type: 'step.finished', step: 1 };
  return await inner.append(runId, past.length, [record], lease).then(
    () => 'written',
    (error: unknown) => (WorkflowError.is(error) ? error.code : String(error)),
  );
}
