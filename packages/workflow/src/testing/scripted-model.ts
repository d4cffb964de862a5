import type {
  Model,
  ModelCallOptions,
  ModelEvent,
  ModelRequest,
  ModelResult,
  ModelStream,
  ToolCall,
} from '../model.ts';

/** What a scripted model answers. */
export interface Reply {
  readonly text?: string;
  readonly reasoning?: string;
  /** Calls; ids are made up when absent. */
  readonly toolCalls?: readonly {
    readonly id?: string;
    readonly name: string;
    readonly arguments: unknown;
    readonly error?: string;
  }[];
  readonly error?: Error;
  /** Events shown before the text. */
  readonly events?: readonly ModelEvent[];
  /** USD. */
  readonly cost?: number;
  readonly usage?: Partial<ModelResult['usage']>;
  /** The answer waits for this; it rejects when the call is aborted first. */
  readonly gate?: Promise<unknown>;
}

/** One call a scripted model received. */
export interface ScriptedCall {
  readonly request: ModelRequest;
  readonly options: ModelCallOptions;
}

/** What a scripted model may look at to answer. */
export type Script = readonly Reply[] | ((call: ScriptedCall, index: number) => Reply | Promise<Reply>);

/** A model without a network: answers from a script and keeps what it was asked. */
export interface ScriptedModel extends Model {
  readonly calls: readonly ScriptedCall[];
  /** Replies of the list that nobody asked for. */
  readonly unused: number;
}

/** Tokens are a quarter of the characters, rounded up. */
const CHARS_PER_TOKEN = 4;

/**
 * Makes a model that answers from a list, or by a function of the call. A call beyond the end of the list rejects, so
 * that a run which asks too often fails instead of hanging.
 */
export function scriptedModel(
  script: Script,
  id: { readonly provider?: string; readonly modelId?: string; readonly info?: Model['info'] } = {},
): ScriptedModel {
  const calls: ScriptedCall[] = [];
  const reply = async (call: ScriptedCall, index: number): Promise<Reply> => {
    if (typeof script === 'function') return await script(call, index);
    const found = script[index];
    if (found === undefined) throw new Error(`unexpected model call ${index + 1}; the script has ${script.length}`);
    return found;
  };
  return {
    provider: id.provider ?? 'scripted',
    modelId: id.modelId ?? 'scripted-1',
    ...(id.info === undefined ? {} : { info: id.info }),
    calls,
    get unused() {
      return typeof script === 'function' ? 0 : Math.max(0, script.length - calls.length);
    },
    stream: (request, options = {}) => {
      const call = { request: { ...request, messages: [...request.messages] }, options };
      const index = calls.length;
      calls.push(call);
      return streamOf(() => reply(call, index), call, index);
    },
  };
}

function streamOf(ask: () => Promise<Reply>, call: ScriptedCall, index: number): ModelStream {
  const { signal } = call.options;
  let answer: Promise<Reply> | undefined;
  const once = (): Promise<Reply> => (answer ??= settle(ask(), signal));
  return {
    async *[Symbol.asyncIterator]() {
      const reply = await once();
      yield* reply.events ?? [];
      if (reply.reasoning !== undefined) yield { type: 'reasoning', delta: reply.reasoning };
      if (reply.text !== undefined) yield { type: 'text', delta: reply.text };
    },
    final: async () => toResult(await once(), call, index),
    abort: () => undefined,
  };
}

async function settle(asked: Promise<Reply>, signal: AbortSignal | undefined): Promise<Reply> {
  throwIfAborted(signal);
  const reply = await asked;
  if (reply.gate !== undefined) await untilAborted(reply.gate, signal);
  throwIfAborted(signal);
  if (reply.error !== undefined) throw reply.error;
  return reply;
}

async function untilAborted(gate: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) {
    await gate;
    return;
  }
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([gate, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal);
}

function abortError(signal: AbortSignal): Error {
  const error = new Error('the call was aborted', { cause: signal.reason });
  error.name = 'AbortError';
  return error;
}

function toResult(reply: Reply, call: ScriptedCall, index: number): ModelResult {
  const text = reply.text ?? '';
  const toolCalls: ToolCall[] = (reply.toolCalls ?? []).map((toolCall, position) => ({
    id: toolCall.id ?? `call_${index}_${position}`,
    name: toolCall.name,
    arguments: toolCall.arguments,
    ...(toolCall.error === undefined ? {} : { error: toolCall.error }),
  }));
  const inputTokens = Math.ceil(JSON.stringify(call.request.messages).length / CHARS_PER_TOKEN);
  const outputTokens = Math.ceil((text.length + JSON.stringify(toolCalls).length) / CHARS_PER_TOKEN);
  const usage = { inputTokens, outputTokens, reasoningTokens: 0, cachedTokens: 0, ...reply.usage };
  return {
    text,
    reasoning: reply.reasoning ?? '',
    toolCalls,
    sources: [],
    usage: { ...usage, totalTokens: reply.usage?.totalTokens ?? usage.inputTokens + usage.outputTokens },
    ...(reply.cost === undefined ? {} : { cost: reply.cost }),
    finishReason: toolCalls.length > 0 ? 'tool-calls' : 'stop',
    model: 'scripted-1',
  };
}
