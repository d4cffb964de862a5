import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { JournalHeader, JournalRecord, RecordOf } from './journal.ts';
import { readRecords } from './run-journal.ts';
import type { WorkflowStore } from './store.ts';
import { WorkflowError } from './workflow-error.ts';

/** A run read back from its journal, bound to its definition again. */
export interface LoadedRun {
  readonly header: JournalHeader;
  readonly records: readonly JournalRecord[];
  readonly start: RecordOf<'run.started'>;
  readonly workflow: Workflow;
  readonly bound: BoundWorkflow;
}

/**
 * Reads a run.
 *
 * @throws `WorkflowError` `RUN_NOT_FOUND`, `UNKNOWN_TOOL` (no such workflow here), `UNSUPPORTED_VERSION` (written for
 * another version of the workflow), `NON_DETERMINISTIC` (records in an order no run writes).
 */
export async function loadRun(
  store: WorkflowStore,
  runId: string,
  find: (name: string) => Workflow | undefined,
  toSeq?: number,
): Promise<LoadedRun> {
  const header = await store.header(runId);
  if (header?.kind !== 'run') throw new WorkflowError('RUN_NOT_FOUND', `no run ${runId}`);
  const records = await readRecords(store, runId, toSeq);
  const [start] = records;
  if (start?.type !== 'run.started') throw new WorkflowError('RUN_NOT_FOUND', `run ${runId} was never started`);
  const workflow = find(start.workflow);
  if (workflow === undefined) throw new WorkflowError('UNKNOWN_TOOL', `no workflow ${start.workflow} for run ${runId}`);
  if (workflow.version !== start.workflowVersion) {
    const versions = `${start.workflowVersion}, this is ${workflow.version}`;
    throw new WorkflowError('UNSUPPORTED_VERSION', `run ${runId} was written for version ${versions}`);
  }
  assertOrder(runId, records);
  return { header, records, start, workflow, bound: workflow.bind(start.input) };
}

/** Refuses a journal whose records no run writes in this order: a step skipped, a result without its call. */
export function assertOrder(runId: string, records: readonly JournalRecord[]): void {
  let steps = 0;
  const started = new Set<string>();
  for (const record of records) {
    if (record.type === 'step.started' && record.purpose === 'step') {
      steps += 1;
      if (record.step !== steps) throw outOfOrder(runId, record, `step ${steps} was expected`);
    }
    if (record.type === 'tool.started') started.add(`${record.step}:${record.index}:${record.name}`);
    if (record.type === 'tool.finished' && !started.has(`${record.step}:${record.index}:${record.name}`)) {
      throw outOfOrder(runId, record, `${record.name} was never started there`);
    }
  }
}

function outOfOrder(runId: string, record: JournalRecord, why: string): WorkflowError {
  return new WorkflowError('NON_DETERMINISTIC', `run ${runId} has ${record.type} at ${record.seq}: ${why}`);
}
