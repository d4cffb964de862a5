import { Mutex } from 'async-mutex';
import { z } from 'zod';

import { CHARS_PER_TOKEN, type Exchange } from './build-prompt.ts';
import type { SharedJournal } from './shared-journal.ts';
import type { WorkflowStore } from './store.ts';
import { WorkflowError } from './workflow-error.ts';

const ConversationRecord = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('exchange'),
    seq: z.number(),
    runId: z.string(),
    tool: z.string(),
    question: z.string(),
    answer: z.string(),
  }),
  z.object({ type: z.literal('opened'), seq: z.number(), runId: z.string(), tool: z.string() }),
]);

/** Longest question or answer kept of one exchange, in characters. */
const MAX_KEPT = 24_000;

/** Conversations: who owns them, what was said, and one run at a time in each. */
export class Conversations {
  readonly #journal: SharedJournal;
  readonly #store: WorkflowStore;
  readonly #turns = new Map<string, { readonly mutex: Mutex; users: number }>();

  constructor(store: WorkflowStore, journal: SharedJournal) {
    this.#store = store;
    this.#journal = journal;
  }

  /** Makes a conversation, or joins an own one of that id. */
  async open(id: string, owner: string | undefined): Promise<void> {
    const made = await this.#journal.create({ id, kind: 'conversation', ...(owner === undefined ? {} : { owner }) });
    if (made === 'exists') await this.check(id, owner);
  }

  /** Rejects with `UNKNOWN_CONTINUATION` unless the conversation exists and is the owner's; both look the same from outside. */
  async check(id: string, owner: string | undefined): Promise<void> {
    const header = await this.#store.header(id);
    if (header?.kind === 'conversation' && header.owner === owner) return;
    throw new WorkflowError('UNKNOWN_CONTINUATION', 'no conversation of that continuation_id');
  }

  /** The newest exchanges that fit into the budget, oldest first, up to a place in the conversation. */
  async history(
    id: string,
    maxTokens: number,
    toSeq?: number,
  ): Promise<{ readonly exchanges: Exchange[]; readonly seq: number }> {
    const records = await this.#journal.read(id, toSeq);
    const exchanges: Exchange[] = [];
    let room = maxTokens * CHARS_PER_TOKEN;
    for (const record of records.toReversed()) {
      const parsed = ConversationRecord.safeParse(record);
      if (!parsed.success || parsed.data.type !== 'exchange') continue;
      const { runId, tool, question, answer } = parsed.data;
      room -= question.length + answer.length;
      if (room < 0) break;
      exchanges.unshift({ runId, tool, question, answer });
    }
    return { exchanges, seq: toSeq ?? records.length };
  }

  /** Adds what a run was asked and answered; once, however often it is said. */
  async add(id: string, exchange: Exchange): Promise<void> {
    const { runId, tool } = exchange;
    const body = { type: 'exchange', runId, tool, question: cut(exchange.question), answer: cut(exchange.answer) };
    await this.#journal.append(id, (past) => {
      const known = past.some((record) => record.type === 'exchange' && 'runId' in record && record.runId === runId);
      return known ? undefined : body;
    });
  }

  /** Notes the caller-driven run that is open for a tool. */
  async opened(id: string, runId: string, tool: string): Promise<void> {
    await this.#journal.append(id, () => ({ type: 'opened', runId, tool }));
  }

  /** The caller-driven run opened last for a tool. */
  async lastOpened(id: string, tool: string): Promise<string | undefined> {
    for (const record of (await this.#journal.read(id)).toReversed()) {
      const parsed = ConversationRecord.safeParse(record);
      if (parsed.success && parsed.data.type === 'opened' && parsed.data.tool === tool) return parsed.data.runId;
    }
    return undefined;
  }

  /** Waits for the turn in a conversation; `undefined` when the signal fires first. */
  async turn(id: string, signal: AbortSignal): Promise<(() => void) | undefined> {
    const entry = this.#turns.get(id) ?? { mutex: new Mutex(), users: 0 };
    this.#turns.set(id, entry);
    entry.users += 1;
    const leave = (release: () => void) => (): void => {
      release();
      entry.users -= 1;
      if (entry.users === 0) this.#turns.delete(id);
    };
    const turn = entry.mutex.acquire().then(leave);
    const aborted = await firstOf(turn, signal);
    if (!aborted) return await turn;
    void turn.then((release) => release());
    return undefined;
  }
}

/** True when the signal fires before the turn comes. */
async function firstOf(turn: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return true;
  let onAbort = (): void => undefined;
  const aborted = new Promise<boolean>((resolve) => {
    onAbort = () => resolve(true);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([turn.then(() => false), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function cut(text: string): string {
  return text.length <= MAX_KEPT ? text : `${text.slice(0, MAX_KEPT)}\n[cut, ${text.length} characters]`;
}
