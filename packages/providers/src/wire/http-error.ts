import type { ErrorClass, ProviderErrorCode } from '../chat/provider-error.ts';
import { isRecord, numberOf, textOf } from '../json-value.ts';
import type { ErrorInput } from './dialect.ts';

/** The parts of an error body, whichever of the known forms it has. */
export interface ErrorBody {
  readonly code: string | undefined;
  readonly type: string | undefined;
  readonly message: string;
}

/** Longest part of a provider's message that is kept. */
const MESSAGE_LENGTH = 400;

/**
 * Reads `{error:{code,type,message}}`, `{error:"…"}`, `{code,msg}`, the Anthropic wrapper whose message is
 * `[code][text][request id]`, and plain text.
 */
export function readErrorBody(body: unknown): ErrorBody {
  if (!isRecord(body)) return { code: undefined, type: undefined, message: plainMessage(body) };
  const inner = isRecord(body['error']) ? body['error'] : body;
  const text =
    textOf(body['error']) ?? textOf(inner['message']) ?? textOf(inner['msg']) ?? textOf(body['message']) ?? '';
  const bracketed = /^\s*\[(\d{3,5})\]\s*\[?([^\]]*)/.exec(text);
  return {
    code: codeOf(inner['code']) ?? bracketed?.[1] ?? codeOf(body['code']),
    type: textOf(inner['type']),
    message: (bracketed?.[2] ?? text).slice(0, MESSAGE_LENGTH),
  };
}

function codeOf(value: unknown): string | undefined {
  const number = numberOf(value);
  return number === undefined ? textOf(value) : String(number);
}

function plainMessage(body: unknown): string {
  const text = typeof body === 'string' ? body.trim() : '';
  if (text === '') return 'an empty body';
  return text.startsWith('<') ? 'an HTML page' : text.slice(0, MESSAGE_LENGTH);
}

/** How a status is classified when the body says nothing that is known. */
const BY_STATUS: Readonly<Record<number, readonly [ProviderErrorCode, boolean]>> = {
  400: ['INVALID_REQUEST', false],
  401: ['AUTH', false],
  402: ['QUOTA_EXHAUSTED', false],
  403: ['PERMISSION', false],
  404: ['MODEL_NOT_FOUND', false],
  408: ['SERVER_ERROR', true],
  409: ['SERVER_ERROR', true],
  413: ['INVALID_REQUEST', false],
  422: ['INVALID_REQUEST', false],
  429: ['RATE_LIMITED', true],
  434: ['PERMISSION', false],
  435: ['PERMISSION', false],
  503: ['OVERLOADED', true],
  529: ['OVERLOADED', true],
};

/** Classifies by HTTP status alone; an error inside a stream counts as the server's. */
export function classifyByStatus(input: ErrorInput): ErrorClass {
  const { status } = input;
  const [code, retryable] = statusRow(status);
  const { message, code: bodyCode, type } = readErrorBody(input.body);
  const upstreamCode = bodyCode ?? type;
  const where = status === undefined ? 'the stream reported' : `HTTP ${status}:`;
  return {
    code,
    retryable,
    message: `${where} ${message === '' ? 'no message' : message}`,
    ...(status !== undefined && { status }),
    ...(upstreamCode !== undefined && { upstreamCode }),
    ...retryAfter(input),
  };
}

function statusRow(status: number | undefined): readonly [ProviderErrorCode, boolean] {
  if (status === undefined || status < 300) return ['SERVER_ERROR', true];
  const row = BY_STATUS[status];
  if (row !== undefined) return row;
  if (status >= 500) return ['SERVER_ERROR', true];
  return status >= 400 ? ['INVALID_REQUEST', false] : ['SERVER_ERROR', false];
}

/** `retryAfterMs` from `retry-after-ms` or `retry-after` (seconds or a date); nothing for past or senseless values. */
export function retryAfter({ headers, now }: Pick<ErrorInput, 'headers' | 'now'>): { retryAfterMs?: number } {
  const ms = headers?.get('retry-after-ms');
  if (ms !== null && ms !== undefined && Number(ms) > 0) return { retryAfterMs: Number(ms) };
  const value = headers?.get('retry-after');
  if (value === null || value === undefined || value.trim() === '') return {};
  const seconds = Number(value);
  const wait = Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1000;
  return wait > 0 ? { retryAfterMs: wait } : {};
}

const OVERFLOW =
  /context[ _-]?(length|window|limit)|maximum context|token (length|limit) (too long|exceed)|input token length too long|exceeded model token limit|prompt (is )?(too long|exceeds)|输入.*(超长|过长|超出)|上下文.*(超|长度)/i;

/** True when a refusal says that the conversation is too long. */
export function isContextOverflow(message: string): boolean {
  return OVERFLOW.test(message);
}

/** The token limit an overflow message names, such as `262144`. */
export function contextLimitIn(message: string): number | undefined {
  const numbers = [...message.matchAll(/\b(\d{4,7})\b/g)].map((match) => Number(match[1]));
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}
