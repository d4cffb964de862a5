import { glmError, kimiError, type WireError } from './dialect.ts';
import type { SimulatedCall } from './persona-reply.ts';
import type { Transcript } from './transcript.ts';

/** GLM's error codes with their HTTP status and words. Source: the error page of bigmodel.cn. */
const GLM: Readonly<Record<string, readonly [number, string]>> = {
  1000: [401, 'Authentication failed'],
  1001: [401, 'Authentication parameter not received in header'],
  1002: [401, 'Authentication token invalid'],
  1003: [401, 'Authentication token expired'],
  1113: [429, 'Insufficient balance or no resource package. Please recharge.'],
  1210: [400, 'API call parameters are wrong, please check the documentation'],
  1211: [400, 'Unknown model, please check the model code'],
  1214: [400, 'The messages parameter is illegal'],
  1220: [403, 'You do not have permission to access this model'],
  1261: [400, 'Prompt exceeds max length'],
  1301: [400, 'System detected potentially unsafe or sensitive content in input or generation'],
  1302: [429, 'High concurrency usage of this API, please reduce concurrency'],
  1305: [429, 'The service may be temporarily overloaded, please try again later'],
  1308: [429, 'Usage limit reached for 5 hour. Your limit will reset at 2026-12-01 18:00:00'],
  1309: [429, 'Your GLM Coding Plan package has expired'],
  1310: [429, 'Weekly limit exhausted. Your limit will reset at 2026-12-01 18:00:00'],
  1313: [429, 'Your usage pattern does not follow the fair use policy; request frequency is limited'],
  1234: [500, 'Network error, error id: simulated'],
};

/** Kimi's error types with their HTTP status and words. Source: Moonshot's API reference. */
const KIMI: Readonly<Record<string, readonly [number, string]>> = {
  invalid_request_error: [400, 'Invalid request: messages must not be empty'],
  context_overflow: [400, 'Invalid request: Your request exceeded model token limit: 262144'],
  content_filter: [400, 'The request was rejected because it was considered high risk'],
  invalid_authentication_error: [401, 'Invalid Authentication'],
  permission_denied_error: [403, 'The API you are accessing is not open'],
  access_terminated_error: [403, 'Kimi For Coding is currently only available for Coding Agents'],
  resource_not_found_error: [404, 'Not found the model or permission denied'],
  rate_limit_reached_error: [
    429,
    'Your account reached max organization concurrency: 3, please try again after 1 seconds',
  ],
  engine_overloaded_error: [429, 'The engine is currently overloaded, please try again later'],
  exceeded_current_quota_error: [429, 'Your account is suspended due to insufficient balance, please recharge'],
  server_error: [500, 'Internal server error'],
};

/** Errors that keep the name they are listed under, but another type on the wire. */
const KIMI_TYPES: Readonly<Record<string, string>> = { context_overflow: 'invalid_request_error' };

/** The errors that can be scripted, by code or type. */
export const ERROR_NAMES: readonly string[] = [...Object.keys(GLM), ...Object.keys(KIMI)];

/** An error by its code or type, in the dialect it belongs to; `undefined` when this provider knows no such error. */
export function wireErrorOf(provider: SimulatedCall['provider'], name: string): WireError | undefined {
  const [status, message] = (provider === 'glm' ? GLM : KIMI)[name] ?? [];
  if (status === undefined || message === undefined) return undefined;
  return provider === 'glm' ? glmError(status, name, message) : kimiError(status, KIMI_TYPES[name] ?? name, message);
}

/** A response that is an error. */
export function errorTranscript(error: WireError, headers: Readonly<Record<string, string>> = {}): Transcript {
  return {
    status: error.status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    parts: [JSON.stringify(error.body)],
  };
}
