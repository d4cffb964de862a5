import type { JournalHeader } from '../journal.ts';
import { parseHeader, parseRecord } from '../parse-journal.ts';
import type { StoredRecord } from '../store.ts';
import { WorkflowError } from '../workflow-error.ts';

const MAX_ID = 200;

/** The header of a journal. @throws `WorkflowError` `STORE_FAILED` when it is damaged */
export function toHeader(id: string, text: string): JournalHeader {
  const header = parseHeader(text);
  if (header === undefined) throw new WorkflowError('STORE_FAILED', `the header of journal ${id} is damaged`);
  return header;
}

/** A record of a journal. @throws `WorkflowError` `STORE_FAILED` when it is damaged */
export function toRecord(id: string, seq: number, text: string): StoredRecord {
  const record = parseRecord(text);
  if (record === undefined) throw new WorkflowError('STORE_FAILED', `record ${seq} of journal ${id} is damaged`);
  return record;
}

/** PostgreSQL keeps every text but U+0000 and halves of surrogate pairs. */
export function isText(text: string): boolean {
  return !text.includes('\u0000') && Buffer.from(text).toString() === text;
}

/** The id as a parameter; one that cannot be stored names no journal. */
export function key(id: string): string {
  if (isText(id)) return id;
  throw new WorkflowError('RUN_NOT_FOUND', `no journal ${JSON.stringify(id)}`);
}

/** @throws `WorkflowError` `INVALID_ARGUMENTS` naming what PostgreSQL cannot keep */
export function assertStorable({ id, workflow, owner, conversationId }: JournalHeader): void {
  if (id.length > MAX_ID)
    throw new WorkflowError('INVALID_ARGUMENTS', `an id may have ${MAX_ID} characters, got ${id.length}`);
  for (const text of [id, workflow, owner, conversationId]) {
    if (text !== undefined && !isText(text))
      throw new WorkflowError('INVALID_ARGUMENTS', `PostgreSQL cannot keep ${JSON.stringify(text)}`);
  }
}
