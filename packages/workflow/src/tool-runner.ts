import type { EvidenceItem, EvidenceTool, ToolOutput } from './evidence-tool.ts';
import type { Roots } from './evidence/roots.ts';
import { canonical, digest, mask, maskError, maskNumbers, sketch } from './fingerprint.ts';
import type { EvidenceRecord, RecordBody, RecordOf } from './journal.ts';
import type { ToolCall } from './model.ts';
import type { RunJournal } from './run-journal.ts';
import { serializeError } from './stop-reason.ts';

/** What running the tools of a step needs. */
export interface ToolRunnerParts {
  readonly journal: RunJournal;
  readonly tools: readonly EvidenceTool[];
  readonly roots: Roots;
  readonly signal: AbortSignal;
  readonly clock: () => number;
  /** Longest wait for a canceled tool that does not settle, ms. */
  readonly drainMs: number;
}

/** A call whose outcome nobody knows: it was started before a crash, and its tool wants a human to say what to do. */
export interface UnknownCall {
  readonly name: string;
  readonly args: unknown;
}

/** Longest result kept, in characters; more is cut with a mark. */
const MAX_CONTENT = 64_000;

/**
 * Runs the calls of one step side by side. Each call has its own signal, is written down before it runs and when it
 * ends, and never ends another: an error is a result for the model. A cancellation is no result: it is waited for, and
 * the call stays open in the journal. Returns the calls that need a human's word.
 */
export async function runTools(
  parts: ToolRunnerParts,
  step: number,
  calls: readonly ToolCall[],
): Promise<UnknownCall[]> {
  const { state } = parts.journal;
  const wanted = [...calls.entries()].filter(
    ([index, call]) => call.name !== 'report_step' && !state.doneTools.has(index),
  );
  const interrupted = new Set(state.openTools.keys());
  const unknown = wanted.filter(([index, call]) => interrupted.has(index) && toolOf(parts, call)?.onUnknown === 'ask');
  if (unknown.length > 0) return unknown.map(([, call]) => ({ name: call.name, args: call.arguments }));
  const fresh = wanted.filter(([index]) => !interrupted.has(index));
  if (fresh.length > 0)
    await parts.journal.append(...fresh.map(([index, call]) => startedRecord(parts, step, index, call)));
  const running = wanted.map(([index, call]) => runOne(parts, step, index, call, interrupted.has(index)));
  const settled = await Promise.allSettled(running);
  const failed = settled.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return [];
}

/** Records the human's word about an interrupted call, so that the step can go on. */
export async function settleUnknown(
  parts: ToolRunnerParts,
  step: number,
  calls: readonly ToolCall[],
  answer: string,
): Promise<void> {
  for (const index of parts.journal.state.openTools.keys()) {
    const call = calls[index];
    if (call === undefined || toolOf(parts, call)?.onUnknown !== 'ask') continue;
    await finish(
      parts,
      step,
      index,
      call,
      failureOf(`interrupted by a crash; asked about it, a human said: ${answer}`),
    );
  }
}

function toolOf(parts: ToolRunnerParts, call: ToolCall): EvidenceTool | undefined {
  return parts.tools.find(({ name }) => name === call.name);
}

async function runOne(
  parts: ToolRunnerParts,
  step: number,
  index: number,
  call: ToolCall,
  again: boolean,
): Promise<void> {
  const tool = toolOf(parts, call);
  if (tool === undefined) return await finish(parts, step, index, call, failureOf(`there is no tool ${call.name}`));
  if (call.error !== undefined) return await finish(parts, step, index, call, failureOf(call.error));
  if (again && tool.onUnknown === 'fail') {
    return await finish(
      parts,
      step,
      index,
      call,
      failureOf('interrupted by a crash; whether it took effect is unknown'),
    );
  }
  // The run may have been canceled while the start was written.
  if (parts.signal.aborted) return;
  const output = await execute(parts, tool, step, index, call);
  if (output !== undefined) await finish(parts, step, index, call, output);
}

async function execute(
  parts: ToolRunnerParts,
  tool: EvidenceTool,
  step: number,
  index: number,
  call: ToolCall,
): Promise<ToolOutput | undefined> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(parts.signal.reason);
  parts.signal.addEventListener('abort', onAbort);
  try {
    const running = tool.execute(call.arguments, {
      signal: controller.signal,
      roots: parts.roots,
      idempotencyKey: `${parts.journal.runId}:${step}:${index}`,
    });
    return await untilDrained(running, controller.signal, parts.drainMs);
  } catch (error) {
    if (controller.signal.aborted) return undefined;
    const { message, code } = serializeError(error);
    return failureOf(code === undefined ? message : `${code}: ${message}`);
  } finally {
    parts.signal.removeEventListener('abort', onAbort);
  }
}

/** The output; nothing when the call was canceled and has not settled `drainMs` later. */
async function untilDrained(
  running: Promise<ToolOutput>,
  signal: AbortSignal,
  drainMs: number,
): Promise<ToolOutput | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const drained = new Promise<undefined>((resolve) => {
    const arm = (): void => {
      timer = setTimeout(() => resolve(undefined), drainMs);
    };
    signal.addEventListener('abort', arm, { once: true });
  });
  try {
    return await Promise.race([running, drained]);
  } finally {
    clearTimeout(timer);
  }
}

function failureOf(content: string): ToolOutput {
  return { content, source: '', isError: true };
}

function startedRecord(parts: ToolRunnerParts, step: number, index: number, call: ToolCall): RecordBody {
  const tool = toolOf(parts, call);
  const key = tool?.loopKey;
  const asked = key === undefined ? canonical(call.arguments) : key === false ? undefined : key(call.arguments);
  const print =
    asked === undefined
      ? {}
      : { print: digest(`${call.name} ${mask(asked)}`), soft: digest(`${call.name} ${maskNumbers(asked)}`) };
  return {
    type: 'tool.started',
    step,
    index,
    callId: call.id,
    name: call.name,
    args: call.arguments,
    idempotencyKey: `${parts.journal.runId}:${step}:${index}`,
    ...print,
    ...(tool?.poll === undefined ? {} : { pollUntil: firstAsked(parts, print.print) + tool.poll.maxMs }),
  };
}

/** When the same poll was first made in this run, epoch ms. */
function firstAsked(parts: ToolRunnerParts, print: string | undefined): number {
  const first = parts.journal.records.find((record) => record.type === 'tool.started' && record.print === print);
  return first?.at ?? parts.clock();
}

async function finish(
  parts: ToolRunnerParts,
  step: number,
  index: number,
  call: ToolCall,
  output: ToolOutput,
): Promise<void> {
  const isError = output.isError ?? false;
  const content = cut(output.content);
  const finished: Omit<RecordOf<'tool.finished'>, 'seq' | 'at'> = {
    type: 'tool.finished',
    step,
    index,
    callId: call.id,
    name: call.name,
    content,
    isError,
    print: digest(isError ? maskError(content) : mask(content)),
    soft: digest(maskNumbers(content)),
    sideEffect: toolOf(parts, call)?.sideEffect ?? false,
  };
  const items = isError
    ? []
    : (output.evidence ?? [{ source: output.source, text: output.content }]).map((item) => toRecord(item, content));
  await parts.journal.append(
    finished,
    ...(items.length === 0 ? [] : [{ type: 'evidence' as const, step, index, items }]),
  );
}

function toRecord({ source, text }: EvidenceItem, content: string): EvidenceRecord {
  const kept = cut(text);
  return {
    source,
    key: digest(mask(kept)),
    grade: 'observed',
    sketch: sketch(kept),
    ...(kept === content ? {} : { text: kept }),
  };
}

function cut(text: string): string {
  return text.length <= MAX_CONTENT ? text : `${text.slice(0, MAX_CONTENT)}\n[cut, ${text.length} characters]`;
}
