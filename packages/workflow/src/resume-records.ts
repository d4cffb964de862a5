import { fold } from './apply-record.ts';
import type { ResumeOptions } from './engine-options.ts';
import type { RecordBody } from './journal.ts';
import type { LoadedRun } from './load-run.ts';
import { WorkflowError } from './workflow-error.ts';

/** A run that is complete (or was abandoned) takes nothing more; a fork of it may. */
export function assertUnfinished({ records, header }: LoadedRun): void {
  const kind = fold(records).finished?.stop.kind;
  if (kind !== 'complete' && kind !== 'abandoned') return;
  throw new WorkflowError('RUN_FINISHED', `run ${header.id} is ${kind}`);
}

/** What is written when a run goes on: nothing after a crash, a word about it otherwise. */
export function resumeRecords({ records }: LoadedRun, options: ResumeOptions): RecordBody[] {
  const state = fold(records);
  const stands = state.finished === undefined && state.suspended === undefined;
  if (stands && options.answer === undefined && options.grant === undefined) return [];
  return [
    {
      type: 'run.resumed',
      ...(options.answer === undefined ? {} : { answer: options.answer }),
      ...(options.grant === undefined ? {} : { grant: options.grant }),
    },
  ];
}
