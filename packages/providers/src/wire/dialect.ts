import type { ChatRequest, FinishReason } from '../chat/chat-model.ts';
import type { ModelInfo } from '../chat/model-catalog.ts';
import type { ErrorClass } from '../chat/provider-error.ts';
import type { Warning } from '../chat/warning.ts';
import type { Delta } from './delta.ts';
import type { TextGuard } from './text-guard.ts';

/** What a provider said instead of an answer. */
export interface ErrorInput {
  /** HTTP status; absent for an error inside a stream that began with 200. */
  readonly status?: number | undefined;
  /** The parsed body, or its text where it is no JSON. */
  readonly body: unknown;
  readonly headers?: { get(name: string): string | null } | undefined;
  /** Epoch milliseconds, to read dates with. */
  readonly now: number;
}

/** A request ready to send. */
export interface WireRequest {
  readonly body: Readonly<Record<string, unknown>>;
  readonly warnings: readonly Warning[];
  /** Tool names as sent → as the caller knows them, where they differ. */
  readonly toolNames: ReadonlyMap<string, string>;
  /** True when the body asks the model to reason. */
  readonly thinking: boolean;
  /** True when the provider will send arguments in one piece after a silence. */
  readonly bufferedArgs: boolean;
}

/** One provider's way of speaking: pure functions, no state. */
export interface Dialect {
  readonly provider: 'glm' | 'kimi';
  readonly toRequest: (request: ChatRequest, model: ModelInfo) => WireRequest;
  readonly toDeltas: (chunk: unknown) => Delta[];
  readonly toError: (input: ErrorInput) => ErrorClass;
  /** The meaning of a `finish_reason`; `undefined` when it is not known. */
  readonly toFinish: (raw: string) => FinishReason | ErrorClass | undefined;
  readonly toolId: (name: string, index: number) => string;
  readonly textGuard?: (() => TextGuard) | undefined;
}
