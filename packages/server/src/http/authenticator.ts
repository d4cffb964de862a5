import { createHash, timingSafeEqual } from 'node:crypto';

/** Who speaks. */
export interface Identity {
  readonly principal: string;
  readonly admin: boolean;
}

/** What {@link Authenticator} decides by. */
export interface AuthenticatorOptions {
  readonly tokens: readonly string[];
  readonly adminToken: string | undefined;
  /** Whether only this machine can reach the server. */
  readonly loopback: boolean;
}

interface Known {
  readonly digest: Buffer;
  readonly identity: Identity;
}

const PRINCIPAL_CHARS = 12;

/** Knows the digests of the tokens, never the tokens. Every comparison looks at all of them and takes the same time. */
export class Authenticator {
  readonly #known: readonly Known[];
  readonly #open: Identity | undefined;
  readonly #loopback: boolean;

  constructor({ tokens, adminToken, loopback }: AuthenticatorOptions) {
    const agents = tokens.map((token) => toKnown(token, false));
    this.#known = adminToken === undefined ? agents : [...agents, toKnown(adminToken, true)];
    this.#open = tokens.length === 0 ? { principal: 'local', admin: loopback && adminToken === undefined } : undefined;
    this.#loopback = loopback;
  }

  /** Whether clients must present a token. */
  get required(): boolean {
    return this.#open === undefined;
  }

  /** The identity behind a token, the open one without a token, or nothing. */
  identify(token: string | undefined): Identity | undefined {
    if (token === undefined || token === '') return this.#open;
    const given = sha256(token);
    let found: Identity | undefined;
    for (const { digest, identity } of this.#known) if (timingSafeEqual(digest, given)) found = identity;
    return found;
  }

  /** Whether a token opens what only an administrator may see; on loopback that is everyone while no token guards it. */
  opensAdmin(token: string | undefined): boolean {
    return this.identify(token)?.admin === true;
  }

  /** `/metrics` is free on loopback and an administrator's elsewhere. */
  opensMetrics(token: string | undefined): boolean {
    return this.#loopback || this.opensAdmin(token);
  }
}

/** The token of an `Authorization: Bearer` header. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer ([\x21-\x7e]+)$/i.exec(header ?? '')?.[1];
}

function toKnown(token: string, admin: boolean): Known {
  const digest = sha256(token);
  const principal = `${admin ? 'admin' : 'token'}-${digest.toString('hex').slice(0, PRINCIPAL_CHARS)}`;
  return { digest, identity: { principal, admin } };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
