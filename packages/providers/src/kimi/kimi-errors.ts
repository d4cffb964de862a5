import type { ErrorClass, ProviderErrorCode } from '../chat/provider-error.ts';
import type { ErrorInput } from '../wire/dialect.ts';
import { classifyByStatus, contextLimitIn, isContextOverflow, readErrorBody } from '../wire/http-error.ts';

/** One line of Kimi's error table. */
export interface KimiErrorRow {
  readonly types: readonly string[];
  readonly code: ProviderErrorCode;
  readonly retryable: boolean;
  readonly hint?: string;
  /** Multiple of the usual back-off. */
  readonly backoffFactor?: number;
  readonly overload?: boolean;
}

/** Kimi's error types. What is missing is classified by HTTP status. */
export const KIMI_ERRORS: readonly KimiErrorRow[] = [
  { types: ['invalid_request_error'], code: 'INVALID_REQUEST', retryable: false },
  { types: ['content_filter'], code: 'CONTENT_FILTER', retryable: false },
  {
    types: ['invalid_authentication_error', 'incorrect_api_key_error'],
    code: 'AUTH',
    retryable: false,
    hint: 'check the key; keys of moonshot.ai and moonshot.cn are not interchangeable',
  },
  { types: ['permission_denied_error'], code: 'PERMISSION', retryable: false },
  {
    types: ['access_terminated_error'],
    code: 'PERMISSION',
    retryable: false,
    hint: 'the Kimi Code endpoint serves known coding agents only; use a platform key and endpoint',
  },
  { types: ['resource_not_found_error'], code: 'MODEL_NOT_FOUND', retryable: false },
  { types: ['rate_limit_reached_error'], code: 'RATE_LIMITED', retryable: true, backoffFactor: 2, overload: true },
  { types: ['engine_overloaded_error'], code: 'OVERLOADED', retryable: true, backoffFactor: 4 },
  {
    types: ['exceeded_current_quota_error'],
    code: 'QUOTA_EXHAUSTED',
    retryable: false,
    hint: 'the balance is empty or the account is suspended',
  },
  { types: ['server_error', 'unexpected_output'], code: 'SERVER_ERROR', retryable: true },
];

const BY_TYPE = new Map(KIMI_ERRORS.flatMap((row) => row.types.map((type) => [type, row] as const)));

/** Billing words only: "token quota per minute" is a limit that passes. */
const BILLING =
  /insufficient (balance|funds|credit)|account.{0,40}(suspended|in arrears)|recharge|check your (plan and )?billing|exceeded your current (quota|balance)|余额不足|欠费/i;
const OVERLOAD = /overload|engine.{0,20}(busy|capacity)|try again later.{0,30}capacity/i;

/** What an error of Kimi means. Pure; reads HTTP and stream errors of the platform and of the coding plan. */
export function classifyKimiError(input: ErrorInput): ErrorClass {
  const base = classifyByStatus(input);
  const { type, code, message } = readErrorBody(input.body);
  const row = BY_TYPE.get(type ?? '') ?? BY_TYPE.get(code ?? '');
  if (row === undefined) return byMessage(base, message);
  const { types: _, ...rest } = row;
  const classified: ErrorClass = { ...base, ...rest, upstreamCode: type ?? code ?? '' };
  return byMessage(classified, message);
}

function byMessage(base: ErrorClass, message: string): ErrorClass {
  if (base.code === 'RATE_LIMITED' && BILLING.test(message)) {
    return { ...base, code: 'QUOTA_EXHAUSTED', retryable: false, overload: false };
  }
  if (base.code === 'RATE_LIMITED' && OVERLOAD.test(message)) {
    return { ...base, code: 'OVERLOADED', overload: false };
  }
  if (base.code !== 'INVALID_REQUEST' || !isContextOverflow(message)) return base;
  const contextTokens = contextLimitIn(message);
  return {
    ...base,
    code: 'CONTEXT_OVERFLOW',
    hint: 'shorten the conversation',
    ...(contextTokens !== undefined && { contextTokens }),
  };
}
