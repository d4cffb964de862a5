import type { IncomingMessage } from 'node:http';

import { isLoopback } from '../config/check-combinations.ts';

/** Why a request is turned away. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 405 | 429 | 503;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** What {@link RequestGuard} allows. */
export interface RequestGuardOptions {
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

const ANY_ADDRESS = new Set(['0.0.0.0', '::', '[::]']);

/**
 * Checks Host and Origin of every request, upgrades included, so that a web page that a user happens to visit can neither
 * reach the server by a name of its own (DNS rebinding) nor by its address. Programs send no Origin and pass.
 */
export class RequestGuard {
  readonly #options: RequestGuardOptions;
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;

  constructor(options: RequestGuardOptions) {
    this.#options = options;
    this.#origins = new Set(options.allowedOrigins.map((origin) => new URL(origin).origin));
    this.#hosts = new Set([options.host, ...options.allowedHosts].map((host) => host.toLowerCase()));
  }

  /** The reason to refuse, or nothing. */
  check({ headers }: IncomingMessage): Refusal | undefined {
    const host = headers.host?.toLowerCase();
    if (host === undefined || !this.#isKnownHost(host)) return { status: 403, message: 'this Host is not served here' };
    const { origin } = headers;
    if (origin === undefined || this.#origins.has(origin) || isSameOrigin(origin, host)) return undefined;
    return { status: 403, message: 'this Origin may not connect; EXAI_WS_ALLOWED_ORIGINS lists those that may' };
  }

  #isKnownHost(host: string): boolean {
    const name = host.replace(/:\d{1,5}$/, '');
    if (this.#hosts.has(name) || this.#hosts.has(name.replace(/^\[(.*)\]$/, '$1'))) return true;
    if (ANY_ADDRESS.has(this.#options.host) && this.#options.allowedHosts.length === 0) return true;
    return isLoopback(this.#options.host) && isLoopback(name);
  }
}

function isSameOrigin(origin: string, host: string): boolean {
  try {
    const url = new URL(origin);
    return (url.protocol === 'http:' || url.protocol === 'https:') && url.host === host;
  } catch {
    return false;
  }
}
