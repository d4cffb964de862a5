/** Which of the two dialects a call came in on. */
export type SimulatedProvider = 'glm' | 'kimi';

/** One message of the request, read from either dialect: content parts are joined to text. */
export interface SimulatedMessage {
  readonly role: string;
  /** The text of the message; parts that are not text (images, video) are left out. Empty when there is none. */
  readonly text: string;
  /** `reasoning_content` of an assistant message, when the caller sent it back. */
  readonly reasoning?: string;
  /** Calls an assistant message made; `arguments` is the JSON text as sent. */
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  /** The call a `tool` message answers. */
  readonly toolCallId?: string;
  readonly name?: string;
}

/** One function the caller offered. Provider tools such as `web_search` are not listed; see `body.tools`. */
export interface SimulatedTool {
  readonly name: string;
  readonly description: string;
  /** The JSON schema of the arguments, as sent. */
  readonly parameters: unknown;
}

/** What a persona is asked: one chat call as the simulator received it. */
export interface SimulatedCall {
  readonly provider: SimulatedProvider;
  readonly model: string;
  readonly messages: readonly SimulatedMessage[];
  readonly tools: readonly SimulatedTool[];
  /** True when the caller wants server-sent events. */
  readonly stream: boolean;
  /** True when the model reasons before it answers (after the defaults of the model). */
  readonly thinking: boolean;
  /** True when `response_format` asks for JSON. */
  readonly json: boolean;
  /** The whole request body, parsed. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The seed of this call: equal for the n-th call of equal runs. */
  readonly seed: number;
  /** Numbers in [0, 1) that follow from `seed`. */
  readonly random: () => number;
}

/** What a persona answers. Everything that is left out is made up by the simulator, or absent on the wire. */
export interface PersonaReply {
  /** Streamed before the text when the call thinks. */
  readonly reasoning?: string;
  readonly text?: string;
  /** Calls of offered functions; `arguments` is a value (sent as its JSON text) or JSON text. */
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: unknown }[];
  /** The wire's finish reason; by default `tool_calls` with tool calls, else `stop`. */
  readonly finishReason?: string;
  /** Whole service time in real milliseconds, as `body.simulate.serviceMs`, which wins over it. */
  readonly serviceMs?: number;
}

/** Decides what a call is answered with; `undefined` leaves the answer to the simulator. It runs synchronously and must not throw. */
export type Persona = (call: SimulatedCall) => PersonaReply | undefined;
