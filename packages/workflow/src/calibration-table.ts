import { z } from 'zod';

import { Calibration, type Calibrated, type CalibrationAsk, type Outcome } from './calibration.ts';
import { CONFIDENCE } from './claim.ts';
import type { SharedJournal } from './shared-journal.ts';
import type { StoredRecord } from './store.ts';

const ID = 'calibration';

const OutcomeRecord = z.object({
  type: z.literal('outcome'),
  runId: z.string(),
  by: z.enum(['user', 'expert']),
  tool: z.string(),
  model: z.string(),
  level: z.enum(CONFIDENCE),
  ok: z.boolean(),
  weight: z.number().positive(),
});
type OutcomeRecord = z.infer<typeof OutcomeRecord>;

/** The calibration kept in the store: outcomes are appended, the tables follow from them. */
export class CalibrationTable {
  readonly #journal: SharedJournal;
  #calibration = new Calibration();
  #loaded: Promise<void> | undefined;

  constructor(journal: SharedJournal) {
    this.#journal = journal;
  }

  /** Reads what is there, once; again after a failure. */
  async load(): Promise<void> {
    this.#loaded ??= this.#read().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    await this.#loaded;
  }

  /** By the outcomes known so far. */
  estimate(ask: CalibrationAsk): Calibrated {
    return this.#calibration.estimate(ask);
  }

  /** Adds how a run turned out. A second word from the same side about the same run changes nothing. */
  async record(runId: string, by: 'user' | 'expert', outcome: Outcome): Promise<void> {
    await this.load();
    const body: OutcomeRecord = { type: 'outcome', runId, by, ...outcome };
    let added = false;
    await this.#journal.append(ID, (past) => {
      added = !past.some((record) => isSame(record, runId, by));
      return added ? body : undefined;
    });
    if (added) this.#calibration.add(outcome);
  }

  async #read(): Promise<void> {
    await this.#journal.create({ id: ID, kind: 'calibration' });
    const calibration = new Calibration();
    for (const record of await this.#journal.read(ID)) {
      const parsed = OutcomeRecord.safeParse(record);
      if (parsed.success) calibration.add(parsed.data);
    }
    this.#calibration = calibration;
  }
}

function isSame(record: StoredRecord, runId: string, by: string): boolean {
  return 'runId' in record && 'by' in record && record.runId === runId && record.by === by;
}
