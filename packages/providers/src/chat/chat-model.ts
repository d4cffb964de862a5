import type { ModelInfo } from './model-catalog.ts';
import type { ContentPart, FunctionTool, JSONSchema, Message, ToolCall } from './message.ts';
import type { ProviderErrorJSON } from './provider-error.ts';
import type { Usage } from './usage.ts';
import type { WarningCode } from './warning.ts';
import type { PhaseBudgets, Phase } from '../timeouts/phase.ts';

export type { ContentPart, FunctionTool, JSONSchema, Message, ToolCall };

/** How hard the model reasons. What a model has no level for is mapped to the nearest one it has. */
export type Effort = 'minimal' | 'low' | 'medium' | 'high' | 'max';

/** Options of the provider's own web search. What a provider has no setting for is ignored with a warning. */
export interface WebSearchOptions {
  /** Results per search, 1 to 50 (GLM). */
  readonly count?: number | undefined;
  readonly domain?: string | undefined;
  readonly recency?: 'oneDay' | 'oneWeek' | 'oneMonth' | 'oneYear' | 'noLimit' | undefined;
  readonly contentSize?: 'medium' | 'high' | undefined;
  /** Engine name (GLM). @defaultValue `search_pro_jina` abroad, `search_std` in China */
  readonly engine?: string | undefined;
}

/** A question to a chat model. */
export interface ChatRequest {
  readonly messages: readonly Message[];
  readonly tools?: readonly FunctionTool[] | undefined;
  /** Lets the provider search the web on its own. @defaultValue false */
  readonly webSearch?: boolean | WebSearchOptions | undefined;
  readonly toolChoice?: 'auto' | 'none' | 'required' | { readonly name: string } | undefined;
  /** @defaultValue the model's own default */
  readonly thinking?: boolean | { readonly effort?: Effort | undefined } | undefined;
  /** Tokens, reasoning included. @defaultValue Kimi: 32_768 with thinking, else 8_192; GLM: the provider's own */
  readonly maxOutputTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly output?:
    | { readonly type: 'text' }
    | { readonly type: 'json'; readonly schema?: JSONSchema | undefined; readonly name?: string | undefined }
    | undefined;
  /** Text the answer begins with and that is not repeated (Kimi). */
  readonly continueFrom?: string | undefined;
  readonly cacheKey?: string | undefined;
  readonly userId?: string | undefined;
  /** Merged into the body as it is sent. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
}

/** How one call is run. */
export interface CallOptions {
  /** Ends the call with `ABORTED`, wherever it is, and closes the connection. */
  readonly signal?: AbortSignal | undefined;
  /** Epoch milliseconds; queue, retries and stream all end by then, with `DEADLINE_EXCEEDED`. */
  readonly deadlineAt?: number | undefined;
  /** Whose place in the gate's queue this is. @defaultValue one per model object */
  readonly session?: string | undefined;
  readonly priority?: number | undefined;
  /** Further attempts after the first. @defaultValue 2 */
  readonly retries?: number | undefined;
  /** Starts a second attempt when the first token is unusually late and the gate has room. Both are billed. @defaultValue false */
  readonly hedge?: boolean | undefined;
  /** @defaultValue a random one */
  readonly requestId?: string | undefined;
  /** Sees every event at once, whatever the reader does. What it throws is ignored. */
  readonly onEvent?: ((event: ChatEvent) => void) | undefined;
  /** Silence budgets of this call instead of the learned ones, per phase in milliseconds; `off` leaves only the deadline. */
  readonly timeouts?: Partial<Pick<PhaseBudgets, Phase>> | 'off' | undefined;
}

/** Where a web search found something. */
export interface Source {
  readonly title?: string | undefined;
  readonly url: string;
  readonly content?: string | undefined;
  /** The mark the text refers to it with, such as `ref_1`. */
  readonly ref?: string | undefined;
}

/** Milliseconds of a call: in the gate's queue, from the request to the first semantic delta, from start to end. */
export interface Timings {
  readonly waitMs: number;
  readonly firstTokenMs: number;
  readonly totalMs: number;
}

/** How an answer ended. Every other ending throws. */
export type FinishReason = 'stop' | 'tool-calls' | 'length' | 'content-filter';

/** What happens during a call, in order. Every variant is plain JSON. */
export type ChatEvent =
  | { type: 'waiting' }
  | { type: 'granted'; waitedMs: number }
  | { type: 'start'; requestId: string; attempt: number; provider: string; model: string; servedModel?: string }
  | { type: 'reasoning'; delta: string }
  | { type: 'text'; delta: string }
  | { type: 'tool-start'; index: number; id: string; name: string }
  | { type: 'tool-delta'; index: number; delta: string }
  | { type: 'tool-call'; index: number; call: ToolCall }
  | { type: 'server-tool'; name: string; state: 'start' | 'end'; input?: unknown }
  | { type: 'source'; source: Source }
  | { type: 'stalled'; phase: Phase; silentMs: number; budgetMs: number }
  | { type: 'resumed'; phase: Phase; silentMs: number }
  | { type: 'retry'; attempt: number; delayMs: number; error: ProviderErrorJSON }
  | { type: 'hedge'; attempt: number }
  | { type: 'warning'; code: WarningCode; message: string }
  | { type: 'usage'; usage: Usage; cost?: number }
  | { type: 'finish'; reason: FinishReason; rawReason?: string; timings: Timings };

/** A whole answer. */
export interface ChatResult {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: ToolCall[];
  readonly sources: Source[];
  readonly usage: Usage;
  /** USD; absent where the model's price is not known. */
  readonly cost?: number;
  readonly finishReason: FinishReason;
  readonly model: string;
  /** What the provider says it ran, where that differs. */
  readonly servedModel?: string;
  readonly requestId: string;
  /** Requests sent, hedges and search rounds included. */
  readonly attempts: number;
  readonly timings: Timings;
  /** What was changed or noticed. */
  readonly warnings: readonly ChatWarning[];
}

/** One warning of a call. */
export interface ChatWarning {
  readonly code: WarningCode;
  readonly message: string;
}

/** The events of one call. Nothing is sent before the first pull or `final()`; leaving the loop aborts the call. */
export interface ChatStream extends AsyncIterable<ChatEvent> {
  /**
   * The whole answer. Works with or without a reader.
   *
   * @throws ProviderError
   */
  final(): Promise<ChatResult>;
  /** Ends the call with `ABORTED`. */
  abort(reason?: unknown): void;
}

/** One model of a provider. */
export interface ChatModel {
  /** `glm` or `kimi`. */
  readonly provider: string;
  readonly modelId: string;
  readonly info: ModelInfo;
  stream(request: ChatRequest, options?: CallOptions): ChatStream;
  /** @throws ProviderError */
  generate(request: ChatRequest, options?: CallOptions): Promise<ChatResult>;
}
