import { z } from 'zod';

import type { JournalHeader } from './journal.ts';
import type { StoredRecord } from './store.ts';

const Header = z.looseObject({
  id: z.string(),
  kind: z.enum(['run', 'conversation', 'calibration']),
  version: z.number(),
  createdAt: z.number(),
  owner: z.string().exactOptional(),
  workflow: z.string().exactOptional(),
  workflowVersion: z.number().exactOptional(),
  conversationId: z.string().exactOptional(),
  parent: z.object({ runId: z.string(), seq: z.number() }).exactOptional(),
});
const Body = z.looseObject({ seq: z.number(), at: z.number(), type: z.string() });
const Batch = z.array(Body);

/** A header read back; nothing for a text that is none. */
export function parseHeader(text: string): JournalHeader | undefined {
  const parsed = Header.safeParse(tryJson(text));
  return parsed.success ? parsed.data : undefined;
}

/** A record read back; nothing for a text that is none. */
export function parseRecord(text: string): StoredRecord | undefined {
  const parsed = Body.safeParse(tryJson(text));
  return parsed.success ? parsed.data : undefined;
}

/** The records of one append read back; nothing for a text that is none. */
export function parseBatch(text: string): StoredRecord[] | undefined {
  const parsed = Batch.safeParse(tryJson(text));
  return parsed.success ? parsed.data : undefined;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
