import type { ChatRequest } from '../chat/chat-model.ts';
import type { ModelInfo } from '../chat/model-catalog.ts';
import { at, isRecord, listOf, numberOf, parseJson, textOf } from '../json-value.ts';
import { promptTexts } from '../pipeline/prompt-size.ts';
import type { RestClient } from '../pipeline/rest-client.ts';
import type { Dialect } from '../wire/dialect.ts';

/** What an account has left, in the currency of its region. */
export interface Balance {
  readonly available: number;
  readonly voucher: number;
  readonly cash: number;
}

/** A model the account may use, as the provider lists it. */
export interface ListedModel {
  readonly id: string;
  readonly contextTokens?: number;
}

/** What the account has left. */
export async function readBalance(rest: RestClient): Promise<Balance> {
  const data = at(await rest.json({ method: 'GET', path: '/users/me/balance' }), 'data');
  const amount = (name: string): number => numberOf(at(data, name)) ?? 0;
  return { available: amount('available_balance'), voucher: amount('voucher_balance'), cash: amount('cash_balance') };
}

/** The models the key may use. */
export async function listKimiModels(rest: RestClient): Promise<ListedModel[]> {
  const body = await rest.json({ method: 'GET', path: '/models' });
  return listOf(at(body, 'data'))
    .filter(isRecord)
    .map((model) => {
      const contextTokens = numberOf(model['context_length']);
      return { id: textOf(model['id']) ?? '', ...(contextTokens !== undefined && { contextTokens }) };
    });
}

/** Counts the tokens of a request's messages. */
export async function countKimiTokens(
  rest: RestClient,
  { request, model, dialect }: { request: ChatRequest; model: ModelInfo; dialect: Dialect },
): Promise<number> {
  const { messages } = dialect.toRequest(request, model).body;
  const json = { model: model.id, messages };
  const path = '/tokenizers/estimate-token-count';
  const body = await rest.json({ method: 'POST', path, json, prompts: promptTexts(request) });
  return numberOf(at(body, 'data', 'total_tokens')) ?? 0;
}

/** The text of an extracted file: the content is JSON around it. */
export function extractedText(content: string): string {
  return textOf(at(parseJson(content), 'content')) ?? content;
}
