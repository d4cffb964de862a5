import type { SimulatedCall, SimulatedMessage } from '../persona-reply.ts';
import { SeenFile } from './seen-file.ts';

/** One call the model made earlier in the conversation, with its result. */
interface PastCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Absent while there is none. */
  readonly result?: string;
}

/** One thing a report must show by cited evidence. */
interface Wanted {
  readonly id: string;
  readonly description: string;
}

/** Everything a persona knows: what the conversation it was sent says, and nothing else. */
export interface Conversation {
  readonly system: string;
  /** The task: the first of the user messages right before the first call of a function. */
  readonly task: string;
  /** What was said to the model after the task, last one last. */
  readonly remarks: readonly string[];
  /** The last message is one of these remarks. */
  readonly isAnswerDue: boolean;
  readonly calls: readonly PastCall[];
  /** Files a listing named, with their size in bytes. */
  readonly listed: ReadonlyMap<string, number>;
  readonly files: readonly SeenFile[];
  /** Code between fences in the task, as a file called `pasted`; absent when there is none. */
  readonly pasted?: SeenFile;
  /** The checklist, as far as the conversation names it. */
  readonly wanted: readonly Wanted[];
}

/** Reads a conversation out of a call. */
export function readConversation(call: SimulatedCall): Conversation {
  const { task, remarks } = splitTask(call.messages);
  const system = call.messages.flatMap((message) => (message.role === 'system' ? [message.text] : [])).join('\n');
  const calls = pastCalls(call.messages);
  const results = calls.flatMap((past) => past.result ?? []);
  const pasted = pastedCode(task);
  return {
    system,
    ...(pasted === undefined ? {} : { pasted }),
    task: withoutOrders(task),
    remarks,
    isAnswerDue: remarks.length > 0 && call.messages.at(-1)?.role === 'user',
    calls,
    listed: listedFiles(results),
    files: seenFiles(results),
    wanted: wantedIn([system, task, ...remarks]),
  };
}

/**
 * Earlier exchanges of the conversation come before the task; what is said while the work goes on, and answers of other
 * models to the same task, come after it.
 */
function splitTask(messages: readonly SimulatedMessage[]): { task: string; remarks: string[] } {
  const begun = messages.findIndex((message) => message.role === 'assistant' && message.toolCalls.length > 0);
  const before = begun === -1 ? messages : messages.slice(0, begun);
  const start = before.findLastIndex((message) => message.role !== 'user') + 1;
  const said = messages.slice(start).filter((message) => message.role === 'user');
  return { task: said[0]?.text ?? '', remarks: said.slice(1).map((message) => message.text) };
}

/** What was asked, without how the work is to be reported. */
function withoutOrders(task: string): string {
  return task.split(/\n+Work in steps\. /)[0] ?? task;
}

/** Path of the code that is part of the task itself. */
export const PASTED = 'pasted';

function pastedCode(task: string): SeenFile | undefined {
  const code = /```\w*\n(?<code>[\s\S]*?)```/.exec(task)?.groups?.['code'];
  if (code === undefined) return undefined;
  const file = new SeenFile(PASTED);
  for (const [index, line] of code.split('\n').entries()) file.see(index + 1, line);
  return file;
}

function pastCalls(messages: readonly SimulatedMessage[]): PastCall[] {
  const results = new Map(
    messages.flatMap((message) =>
      message.role === 'tool' && message.toolCallId !== undefined ? [[message.toolCallId, message.text] as const] : [],
    ),
  );
  return messages.flatMap((message) =>
    message.toolCalls.map((made) => {
      const result = results.get(made.id);
      return { name: made.name, arguments: toRecord(made.arguments), ...(result === undefined ? {} : { result }) };
    }),
  );
}

function toRecord(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function listedFiles(results: readonly string[]): Map<string, number> {
  const listed = new Map<string, number>();
  for (const result of results) {
    for (const match of result.matchAll(/^(?<path>\S.*) \((?<bytes>\d+) bytes\)$/gm)) {
      listed.set(match.groups?.['path'] ?? '', Number(match.groups?.['bytes']));
    }
  }
  return listed;
}

const RANGE = /^(?<path>\S.*) lines \d+-\d+ of \d+$/;
const LINE = /^(?<number>\d+)\| ?(?<text>.*)$/;
const HIT = /^(?<path>[^\s:][^:]*):(?<number>\d+)(?:: | [+ ] )(?<text>.*)$/;

function seenFiles(results: readonly string[]): SeenFile[] {
  const files = new Map<string, SeenFile>();
  const fileOf = (path: string): SeenFile => {
    const file = files.get(path) ?? new SeenFile(path);
    files.set(path, file);
    return file;
  };
  for (const result of results) {
    let open: SeenFile | undefined;
    for (const line of result.split('\n')) {
      const path = RANGE.exec(line)?.groups?.['path'];
      if (path !== undefined) open = fileOf(path);
      const here = open === undefined ? undefined : LINE.exec(line)?.groups;
      if (here !== undefined) open?.see(Number(here['number']), here['text'] ?? '');
      const hit = open === undefined ? HIT.exec(line)?.groups : undefined;
      if (hit !== undefined) fileOf(hit['path'] ?? '').see(Number(hit['number']), hit['text'] ?? '');
    }
  }
  return [...files.values()];
}

/** A checklist line: `- root_cause: the line that causes it`. */
const WANTED = /^\s*(?:[-*]|\d+\.)\s*`?(?<id>[a-z][a-z0-9_-]{1,40})`?(?:\s*\([^)]*\))?:\s+(?<description>\S.*)$/gm;

function wantedIn(texts: readonly string[]): Wanted[] {
  const wanted = new Map<string, Wanted>();
  for (const text of texts) {
    for (const match of text.matchAll(WANTED)) {
      const id = match.groups?.['id'] ?? '';
      wanted.set(id, { id, description: match.groups?.['description'] ?? '' });
    }
  }
  return [...wanted.values()];
}
