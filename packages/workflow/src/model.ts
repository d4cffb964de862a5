/** Part of a user message that is not only text. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly url: string }
  | { readonly type: 'video'; readonly url: string };

/** A call the model wants made. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** Parsed arguments. */
  readonly arguments: unknown;
  readonly raw?: string | undefined;
  /** Why the arguments could not be parsed. */
  readonly error?: string | undefined;
}

/** One message of a prompt. */
export type Message =
  | { role: 'system'; content: string }
  | { role: 'user'; content: string | ContentPart[] }
  | { role: 'assistant'; content?: string; reasoning?: string; toolCalls?: ToolCall[] }
  | { role: 'tool'; toolCallId: string; name: string; content: string };

/** A tool as the model sees it. */
export interface FunctionTool {
  name: string;
  description?: string;
  parameters: Record<string, unknown>;
}

/** One request to a model. */
export interface ModelRequest {
  messages: Message[];
  tools?: FunctionTool[];
  toolChoice?: 'auto' | 'none';
  webSearch?: boolean;
  thinking?: boolean | { effort?: 'minimal' | 'low' | 'medium' | 'high' | 'max' };
  maxOutputTokens?: number;
  temperature?: number;
  userId?: string;
  extra?: Record<string, unknown>;
}

/** How a request is made. */
export interface ModelCallOptions {
  signal?: AbortSignal;
  /** Epoch ms. */
  deadlineAt?: number;
  session?: string;
  priority?: number;
}

/** Something that happens while a model answers. */
export interface ModelEvent {
  readonly type: string;
  /** Text of a `text` or `reasoning` event. */
  readonly delta?: string | undefined;
  /** Milliseconds a `granted` request waited for its permit. */
  readonly waitedMs?: number | undefined;
  readonly phase?: string | undefined;
  readonly silentMs?: number | undefined;
  readonly budgetMs?: number | undefined;
  readonly attempt?: number | undefined;
  readonly delayMs?: number | undefined;
}

/** Tokens used. */
export interface ModelUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly cachedTokens: number;
  readonly totalTokens: number;
}

/** A web page or document an answer rests on. */
export interface ModelSource {
  readonly title?: string | undefined;
  readonly url?: string | undefined;
  readonly content?: string | undefined;
  readonly ref?: string | undefined;
}

/** A whole answer. */
export interface ModelResult {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ToolCall[];
  readonly sources?: readonly ModelSource[] | undefined;
  readonly usage: ModelUsage;
  /** USD, when the model knows its price. */
  readonly cost?: number | undefined;
  readonly finishReason: string;
  readonly model?: string | undefined;
  readonly servedModel?: string | undefined;
}

/** An answer under way: iterate for events, or await the whole. */
export interface ModelStream extends AsyncIterable<ModelEvent> {
  final(): Promise<ModelResult>;
  abort(reason?: unknown): void;
}

/** A model, by shape: a `ChatModel` of `@exai/providers` fits. */
export interface Model {
  /** `glm`, `kimi` or another vendor's name. */
  readonly provider: string;
  readonly modelId: string;
  /** What is known of the model. Prices are USD per million tokens; without one a budget in USD cannot be kept. */
  readonly info?: {
    readonly contextTokens?: number | undefined;
    readonly price?: { readonly input: number; readonly output: number } | undefined;
  };
  stream(request: ModelRequest, options?: ModelCallOptions): ModelStream;
}

/** What a model is wanted for. `expert` and `judge` check the work of an `agent`. */
export type ModelRole = 'agent' | 'expert' | 'judge';

/** Asks for a model. */
export interface ModelAsk {
  readonly provider?: string;
  readonly model?: string;
  /** Name of the workflow. */
  readonly tool: string;
  readonly role: ModelRole;
}
