/** A JSON Schema object. */
export type JSONSchema = Readonly<Record<string, unknown>>;

/** A part of a user message. `url` is an http(s), data: or provider file URL. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly url: string }
  | { readonly type: 'video'; readonly url: string };

/** A tool call of the model. */
export interface ToolCall {
  /** As the provider sent it; return it byte for byte. */
  readonly id: string;
  readonly name: string;
  /** Parsed arguments; `{}` for a call without any. With `error` set they could not be read. */
  readonly arguments: unknown;
  /** The arguments as they came. */
  readonly raw?: string | undefined;
  /** Why the call cannot be trusted. Answer it with a tool message that says so. */
  readonly error?: string | undefined;
}

/** One message of a conversation. Give an assistant turn back with its `reasoning` and `toolCalls`. */
export type Message =
  | { readonly role: 'system'; readonly content: string }
  | { readonly role: 'user'; readonly content: string | readonly ContentPart[] }
  | {
      readonly role: 'assistant';
      readonly content?: string | undefined;
      readonly reasoning?: string | undefined;
      readonly toolCalls?: readonly ToolCall[] | undefined;
    }
  | { readonly role: 'tool'; readonly toolCallId: string; readonly name: string; readonly content: string };

/** A function the model may call. */
export interface FunctionTool {
  readonly type?: 'function' | undefined;
  readonly name: string;
  readonly description?: string | undefined;
  readonly parameters: JSONSchema;
}
