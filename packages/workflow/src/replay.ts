import { applyRecord } from './apply-record.ts';
import { canonical } from './fingerprint.ts';
import { decideState, type Decision, type Plan } from './decide.ts';
import type { JournalRecord } from './journal.ts';
import { emptyState } from './run-state.ts';

/** One decision of a journal, as it was made and as it would be made now. */
export interface ReplayedDecision {
  readonly seq: number;
  readonly recorded: Decision;
  readonly replayed: Decision;
  readonly same: boolean;
}

/** All decisions of a run, decided again. */
export interface Replay {
  readonly runId: string;
  readonly decisions: readonly ReplayedDecision[];
  /** True when every decision came out the same, byte for byte. */
  readonly identical: boolean;
}

/** Decides every decision of a journal again, each from the records before it. Calls nothing. */
export function replayDecisions(runId: string, records: readonly JournalRecord[], plan: Plan): Replay {
  const state = emptyState();
  const decisions: ReplayedDecision[] = [];
  for (const record of records) {
    if (record.type === 'decision') {
      const { seq, action, because, text, stop } = record;
      const recorded = {
        action,
        because,
        ...(text === undefined ? {} : { text }),
        ...(stop === undefined ? {} : { stop }),
      };
      const replayed = decideState(state, plan, record.at);
      decisions.push({ seq, recorded, replayed, same: canonical(recorded) === canonical(replayed) });
    }
    applyRecord(state, record);
  }
  return { runId, decisions, identical: decisions.every(({ same }) => same) };
}
