import type { FunctionTool, Source, ToolCall } from '../chat/chat-model.ts';

/** What a provider-side tool gave. */
export interface ServerToolResult {
  readonly content: string;
  readonly sources?: readonly Source[];
}

/** Tools of the provider that the adapter runs on the caller's behalf, within one call. */
export interface ServerTools {
  /** Functions offered beside the caller's. */
  readonly tools: readonly FunctionTool[];
  readonly handles: (name: string) => boolean;
  readonly run: (call: ToolCall, signal: AbortSignal) => Promise<ServerToolResult>;
}

/** Most rounds of provider-side tools in one call. */
export const MOST_ROUNDS = 8;
