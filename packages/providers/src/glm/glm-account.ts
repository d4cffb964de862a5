import type { ChatRequest, Source, WebSearchOptions } from '../chat/chat-model.ts';
import type { ModelInfo } from '../chat/model-catalog.ts';
import { at, isRecord, listOf, numberOf, textOf } from '../json-value.ts';
import { promptTexts } from '../pipeline/prompt-size.ts';
import type { RestClient } from '../pipeline/rest-client.ts';
import type { Dialect } from '../wire/dialect.ts';
import { searchFields } from './glm-request.ts';
import { toSources } from './glm-sources.ts';

/** One limit of a Coding Plan. */
export interface QuotaWindow {
  /** As the provider names it, such as `TOKENS_LIMIT`. */
  readonly type: string;
  readonly usedPercent?: number;
  readonly used?: number;
  readonly limit?: number;
  /** Epoch milliseconds. */
  readonly resetAt?: number;
}

/** Longest query of the search endpoint, in characters. */
const QUERY_LENGTH = 70;

/** Searches the web without a model. @throws RangeError for an empty or too long query */
export async function searchWeb(
  rest: RestClient,
  region: 'intl' | 'cn',
  search: WebSearchOptions & { readonly query: string; readonly signal?: AbortSignal | undefined },
): Promise<Source[]> {
  const { query, signal, ...options } = search;
  if (query.length === 0 || query.length > QUERY_LENGTH) {
    throw new RangeError(`query must have 1 to ${QUERY_LENGTH} characters, got ${query.length}`);
  }
  const { enable: _, search_result: __, ...fields } = searchFields(options, region);
  const json = { search_query: query, ...fields };
  const body = await rest.json({ method: 'POST', path: '/web_search', json, signal, prompts: [query] });
  return toSources(at(body, 'search_result'));
}

/** Counts the tokens of a request's messages. */
export async function countGlmTokens(
  rest: RestClient,
  { request, model, dialect }: { request: ChatRequest; model: ModelInfo; dialect: Dialect },
): Promise<number> {
  const { messages } = dialect.toRequest(request, model).body;
  const json = { model: model.id, messages };
  const body = await rest.json({ method: 'POST', path: '/tokenizer', json, prompts: promptTexts(request) });
  return numberOf(at(body, 'usage', 'prompt_tokens')) ?? numberOf(at(body, 'usage', 'total_tokens')) ?? 0;
}

/** The windows of a Coding Plan. */
export async function readQuota(rest: RestClient): Promise<QuotaWindow[]> {
  const body = await rest.json({ method: 'GET', path: '/api/monitor/usage/quota/limit' });
  return listOf(at(body, 'data', 'limits'))
    .filter(isRecord)
    .map(toWindow);
}

function toWindow(limit: Readonly<Record<string, unknown>>): QuotaWindow {
  const usedPercent = numberOf(limit['percentage']);
  const used = numberOf(limit['currentValue']);
  const most = numberOf(limit['usage']);
  const resetAt = numberOf(limit['nextResetTime']);
  return {
    type: textOf(limit['type']) ?? 'unknown',
    ...(usedPercent !== undefined && { usedPercent }),
    ...(used !== undefined && { used }),
    ...(most !== undefined && { limit: most }),
    ...(resetAt !== undefined && { resetAt }),
  };
}
