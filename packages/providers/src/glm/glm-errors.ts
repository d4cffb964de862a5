import type { ErrorClass, ProviderErrorCode } from '../chat/provider-error.ts';
import type { ErrorInput } from '../wire/dialect.ts';
import { classifyByStatus, contextLimitIn, isContextOverflow, readErrorBody } from '../wire/http-error.ts';
import { readResetAt } from './reset-at.ts';

/** One line of GLM's error table. */
export interface GlmErrorRow {
  readonly codes: readonly number[];
  readonly code: ProviderErrorCode;
  readonly retryable: boolean;
  readonly hint?: string;
  /** Multiple of the usual back-off. */
  readonly backoffFactor?: number;
  /** This account asks for too much at once. */
  readonly overload?: boolean;
}

/** GLM's business codes, as its error page and live reports have them. What is missing is classified by HTTP status. */
export const GLM_ERRORS: readonly GlmErrorRow[] = [
  {
    codes: [1000, 1001, 1002, 1003, 1004, 1005, 1100],
    code: 'AUTH',
    retryable: false,
    hint: 'check the key and its region',
  },
  { codes: [1110, 1111, 1112, 1120, 1121], code: 'AUTH', retryable: false, hint: 'the account is inactive or locked' },
  {
    codes: [1113],
    code: 'QUOTA_EXHAUSTED',
    retryable: false,
    hint: "the balance is empty, or a Coding Plan key is used on the general endpoint: then set plan: 'coding'",
  },
  { codes: [1210, 1212, 1213, 1214, 1215, 1221, 1222, 1231, 1300], code: 'INVALID_REQUEST', retryable: false },
  { codes: [1211], code: 'MODEL_NOT_FOUND', retryable: false },
  { codes: [1220, 1311, 1315], code: 'PERMISSION', retryable: false, hint: 'this key may not use this model' },
  { codes: [1261], code: 'CONTEXT_OVERFLOW', retryable: false, hint: 'shorten the conversation' },
  { codes: [1301], code: 'CONTENT_FILTER', retryable: false },
  { codes: [1302, 1303], code: 'RATE_LIMITED', retryable: true, backoffFactor: 2, overload: true },
  { codes: [1305, 1312], code: 'OVERLOADED', retryable: true, backoffFactor: 6 },
  { codes: [1304, 1308, 1310, 1316, 1317, 1318, 1319, 1320, 1321], code: 'QUOTA_WINDOW', retryable: false },
  { codes: [1309, 1314], code: 'QUOTA_EXHAUSTED', retryable: false, hint: 'the plan has expired' },
  {
    codes: [1313],
    code: 'RATE_LIMITED',
    retryable: true,
    backoffFactor: 20,
    hint: 'slowed down under the fair-use policy',
  },
  { codes: [1200, 1230], code: 'SERVER_ERROR', retryable: true },
  { codes: [1234], code: 'NETWORK', retryable: true },
];

const BY_CODE = new Map(GLM_ERRORS.flatMap((row) => row.codes.map((code) => [String(code), row] as const)));

/** What an error of GLM means. Pure; reads numeric and string codes, stream errors and the Anthropic wrapper. */
export function classifyGLMError(input: ErrorInput): ErrorClass {
  const base = classifyByStatus(input);
  const { code, message } = readErrorBody(input.body);
  const row = code === undefined ? undefined : BY_CODE.get(code);
  if (row === undefined) return byMessage(base, message);
  const { codes: _, ...rest } = row;
  const resetAt = row.code === 'QUOTA_WINDOW' ? readResetAt(message, input.now) : undefined;
  const field = row.code === 'INVALID_REQUEST' ? fieldIn(message) : undefined;
  const classified: ErrorClass = {
    ...base,
    ...rest,
    ...(resetAt !== undefined && { resetAt }),
    ...(field !== undefined && { field }),
  };
  return row.code === 'INVALID_REQUEST' || row.code === 'CONTEXT_OVERFLOW'
    ? byMessage(classified, message)
    : classified;
}

function byMessage(base: ErrorClass, message: string): ErrorClass {
  const refusal = base.code === 'INVALID_REQUEST' || base.code === 'CONTEXT_OVERFLOW';
  if (!refusal || (base.code === 'INVALID_REQUEST' && !isContextOverflow(message))) return base;
  const contextTokens = contextLimitIn(message);
  return {
    ...base,
    code: 'CONTEXT_OVERFLOW',
    hint: 'shorten the conversation',
    ...(contextTokens !== undefined && { contextTokens }),
  };
}

function fieldIn(message: string): string | undefined {
  return (
    /[`'"“「]([A-Za-z_][\w.[\]]*)[`'"”」]/.exec(message)?.[1] ?? /^([a-z_]+(?:\.[a-z_]+)*)\s*[:：]/.exec(message)?.[1]
  );
}
