import type { ModelInfo } from '../chat/model-catalog.ts';
import type { ChatRequest } from '../chat/chat-model.ts';
import type { Dialect } from '../wire/dialect.ts';
import type { ServerTools } from './server-tools.ts';

/** Headers of one request, and what in them must never be shown. */
export interface SignedHeaders {
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** Where one model is asked, and how. */
export interface Endpoint {
  readonly dialect: Dialect;
  readonly info: ModelInfo;
  readonly baseURL: string;
  readonly url: string;
  /** @throws Failure with `AUTH` when there is no key. */
  readonly sign: () => Promise<SignedHeaders>;
  /** Throw instead of changing a request. */
  readonly strict: boolean;
  /** What a line of a stream that is no JSON does: end the attempt, or cause a warning. */
  readonly badLines: 'fail' | 'skip';
  /** The provider's own tools a request asks for, which the adapter runs. */
  readonly serverTools?: (request: ChatRequest, signal: AbortSignal) => Promise<ServerTools | undefined>;
}
