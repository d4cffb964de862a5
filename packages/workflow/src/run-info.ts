import type { JournalHeader } from './journal.ts';
import type { Run } from './run.ts';
import type { RunResult } from './stop-reason.ts';
import type { JournalSummary } from './store.ts';

/** Where a run stands. `interrupted`: not finished, and nobody here drives it. */
export type RunStatus = 'running' | 'suspended' | 'finished' | 'interrupted';

/** What is known of a run without reading its journal. */
export interface RunSummary {
  readonly runId: string;
  readonly workflow: string;
  readonly status: RunStatus;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly lastAt: number;
  readonly lastSeq: number;
  readonly conversationId?: string;
  readonly owner?: string;
  readonly parent?: { readonly runId: string; readonly seq: number };
}

/** What is known of one run. */
export interface RunInfo extends RunSummary {
  readonly steps: number;
  /** How it ended, when it has. */
  readonly result?: RunResult;
  /** The handle, while it runs here. */
  readonly run?: Run;
}

/** Makes a summary of what the store knows. */
export function toSummary({ header, lastAt, lastSeq, lastType }: JournalSummary, live: boolean): RunSummary {
  return { ...headOf(header), status: statusOf(lastType, live), lastAt, lastSeq };
}

function headOf(header: JournalHeader): Omit<RunSummary, 'status' | 'lastAt' | 'lastSeq'> {
  const { id, workflow, createdAt, conversationId, owner, parent } = header;
  return {
    runId: id,
    workflow: workflow ?? '',
    createdAt,
    ...(conversationId === undefined ? {} : { conversationId }),
    ...(owner === undefined ? {} : { owner }),
    ...(parent === undefined ? {} : { parent }),
  };
}

function statusOf(lastType: string, live: boolean): RunStatus {
  if (lastType === 'run.finished') return 'finished';
  if (live) return 'running';
  return lastType === 'run.suspended' ? 'suspended' : 'interrupted';
}
