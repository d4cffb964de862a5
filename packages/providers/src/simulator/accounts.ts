import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { glmError, kimiError, type WireError } from './dialect.ts';
import { asNumber, asObject, asText, type JsonObject } from './json.ts';
import type { SimulatedProvider } from './persona-reply.ts';

/** Who a request is from. */
export interface Account {
  /** Numbered in order of appearance, never the key. */
  readonly name: string;
  /** The refusal, in the provider's words, when the key is not good. */
  readonly refusal?: WireError;
}

/** Tells accounts by their API key. Any key is good unless a list of keys was given; GLM also takes tokens signed with a key. */
export class Accounts {
  readonly #keys: readonly string[] | undefined;
  readonly #names = new Map<string, string>();

  /** @param keys The keys that are good; by default all are. */
  constructor(keys: readonly string[] | undefined) {
    this.#keys = keys;
  }

  /** Who sent a request. */
  identify(provider: SimulatedProvider, request: IncomingMessage): Account {
    const [, token = ''] = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const claims = provider === 'glm' ? tokenClaims(token) : undefined;
    const id = `${provider} ${claims === undefined ? token.split('.')[0] : asText(claims['api_key'])}`;
    const name = this.#names.get(id) ?? `${provider}-${this.#names.size + 1}`;
    this.#names.set(id, name);
    const refusal = claims === undefined ? this.#judgeKey(provider, token) : this.#judgeToken(token, claims);
    return refusal === undefined ? { name } : { name, refusal };
  }

  #judgeKey(provider: SimulatedProvider, key: string): WireError | undefined {
    if (key === '') {
      return provider === 'glm'
        ? glmError(401, '1001', 'Authentication parameter not received in header, unable to authenticate')
        : kimiError(401, 'invalid_authentication_error', 'Invalid Authentication');
    }
    if (this.#keys === undefined || this.#keys.includes(key)) return undefined;
    return provider === 'glm'
      ? glmError(401, '1002', 'Authentication token invalid, please confirm the correctness of the token')
      : kimiError(401, 'invalid_authentication_error', 'Invalid Authentication');
  }

  #judgeToken(token: string, claims: JsonObject): WireError | undefined {
    const expiresAt = asNumber(claims['exp']) ?? 0;
    if (expiresAt < Date.now()) return glmError(401, '1003', 'Authentication token expired, please regenerate');
    if (this.#keys === undefined) return undefined;
    const signer = this.#keys.find((key) => key.startsWith(`${asText(claims['api_key'])}.`));
    if (signer !== undefined && isSignedWith(token, signer)) return undefined;
    return glmError(401, '1002', 'Authentication token invalid, please confirm the correctness of the token');
  }
}

/** The claims of a token of three parts; `undefined` for a plain key. */
function tokenClaims(token: string): JsonObject | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    return asObject(JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8')));
  } catch {
    // Not base64 of JSON: a token without claims, which is expired by definition.
    return {};
  }
}

function isSignedWith(token: string, key: string): boolean {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const secret = key.slice(key.indexOf('.') + 1);
  const expected = createHmac('sha256', secret).update(`${header}.${claims}`).digest();
  const given = Buffer.from(signature, 'base64url');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
