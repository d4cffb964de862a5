import type { JournalRecord, RecordBody } from './journal.ts';
import { EventHub, type RunEvent, type TransientEvent } from './run-events.ts';
import { applyRecord } from './apply-record.ts';
import { emptyState, type RunState } from './run-state.ts';
import type { Lease, StoredRecord, WorkflowStore } from './store.ts';
import { WorkflowError } from './workflow-error.ts';

const RECORD_TYPES: ReadonlySet<string> = new Set<JournalRecord['type']>([
  'run.started',
  'step.started',
  'model.finished',
  'model.failed',
  'budget',
  'tool.started',
  'tool.finished',
  'evidence',
  'claim',
  'claim.rejected',
  'decision',
  'verdict',
  'step.finished',
  'run.suspended',
  'run.resumed',
  'run.finished',
]);

/** Tells whether a stored record belongs to a run's journal; its body was written by this package. */
export function isJournalRecord(record: StoredRecord): record is JournalRecord {
  return RECORD_TYPES.has(record.type);
}

/** All records of a run, in order. Rejects with `UNSUPPORTED_VERSION` for a record of an unknown type. */
export async function readRecords(store: WorkflowStore, runId: string, toSeq?: number): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of store.read(runId, toSeq === undefined ? {} : { toSeq })) {
    if (!isJournalRecord(record)) {
      throw new WorkflowError('UNSUPPORTED_VERSION', `journal ${runId} has a record of type ${record.type}`);
    }
    records.push(record);
  }
  return records;
}

/** What a {@link RunJournal} is made of. */
export interface RunJournalParts {
  readonly runId: string;
  readonly store: WorkflowStore;
  readonly lease: Lease;
  readonly hub: EventHub;
  readonly clock: () => number;
  /** Sees every durable event after it has been written. */
  readonly onEvent: (event: RunEvent) => void;
}

/** The journal of one run under way: writes first, then changes the state, then tells the readers. */
export class RunJournal {
  readonly runId: string;
  readonly state: RunState = emptyState();
  readonly records: JournalRecord[] = [];
  lease: Lease;
  readonly #parts: RunJournalParts;
  #tail: Promise<void> = Promise.resolve();
  #lost = false;

  constructor(parts: RunJournalParts, past: readonly JournalRecord[]) {
    this.#parts = parts;
    this.runId = parts.runId;
    this.lease = parts.lease;
    for (const record of past) this.#take(record);
  }

  /** Appends all or none. Calls are carried out in the order they were made; a failure fails those after it too. */
  append(...bodies: readonly RecordBody[]): Promise<void> {
    const done = this.#tail.then(() => this.#write(bodies));
    this.#tail = done;
    done.catch(() => undefined);
    return done;
  }

  /** Somebody else has the run now: nothing more is written. */
  lose(): void {
    this.#lost = true;
  }

  /** Throws `FENCED` once the journal is known to be somebody else's. */
  assertHeld(): void {
    if (!this.#lost) return;
    throw new WorkflowError('FENCED', `run ${this.runId} was taken over: lease ${this.lease.epoch} is not the newest`);
  }

  /** Tells the readers something that is not kept. */
  tell(
    event:
      | Omit<Extract<TransientEvent, { type: 'model.delta' }>, 'seq' | 'at'>
      | Omit<Extract<TransientEvent, { type: 'model.event' }>, 'seq' | 'at'>,
  ): void {
    this.#parts.hub.publish({ ...event, seq: this.state.seq, at: this.#parts.clock(), runId: this.runId });
  }

  async #write(bodies: readonly RecordBody[]): Promise<void> {
    this.assertHeld();
    const first = this.state.seq;
    const at = this.#parts.clock();
    const records = bodies.map((body, index): JournalRecord => ({ ...body, seq: first + index + 1, at }));
    await this.#parts.store.append(this.runId, first, records, this.lease);
    for (const record of records) {
      this.#take(record);
      const event = { ...record, runId: this.runId };
      this.#parts.hub.publish(event);
      this.#parts.onEvent(event);
    }
  }

  #take(record: JournalRecord): void {
    applyRecord(this.state, record);
    this.records.push(record);
  }
}
