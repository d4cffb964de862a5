import { isLoopback } from '../config/check-combinations.ts';

import type { Refusal } from './request-guard.ts';
import { TokenBucket } from './token-bucket.ts';

/** How many connections are taken. */
export interface ConnectionLimitOptions {
  readonly maxConnections: number;
  readonly perAddress: number;
  /** New ones per second and address; loopback is not limited. */
  readonly perSecond: number;
}

const RETRY_AFTER_SECONDS = 30;
const BURST_SECONDS = 5;
const MAX_REMEMBERED = 10_000;

/** Counts connections by address and refuses those over a limit before anything is allocated for them. */
export class ConnectionLimits {
  readonly #options: ConnectionLimitOptions;
  readonly #open = new Map<string, number>();
  readonly #rates = new Map<string, TokenBucket>();
  #total = 0;

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
  }

  get total(): number {
    return this.#total;
  }

  /** Addresses with an open connection. */
  get addresses(): number {
    return this.#open.size;
  }

  /** The reason to refuse a new connection, or nothing. */
  check(address: string): Refusal | undefined {
    const { maxConnections, perAddress } = this.#options;
    if (this.#total >= maxConnections) return refusal(503, `there are ${maxConnections} connections, the most allowed`);
    if ((this.#open.get(address) ?? 0) >= perAddress)
      return refusal(429, `${perAddress} connections of one address at once`);
    if (!isLoopback(plain(address)) && !this.#mayConnect(address)) return refusal(429, 'too many new connections');
    return undefined;
  }

  /** Counts a connection until the returned function is called. */
  add(address: string): () => void {
    this.#total += 1;
    this.#open.set(address, (this.#open.get(address) ?? 0) + 1);
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#total -= 1;
      const rest = (this.#open.get(address) ?? 1) - 1;
      if (rest > 0) this.#open.set(address, rest);
      else this.#open.delete(address);
    };
  }

  #mayConnect(address: string): boolean {
    const { perSecond } = this.#options;
    let rate = this.#rates.get(address);
    if (rate === undefined) {
      if (this.#rates.size >= MAX_REMEMBERED) this.#rates.clear();
      rate = new TokenBucket(perSecond, perSecond * BURST_SECONDS);
      this.#rates.set(address, rate);
    }
    return rate.take(1);
  }
}

/** `::ffff:127.0.0.1` is 127.0.0.1. */
function plain(address: string): string {
  return address.replace(/^::ffff:/, '');
}

function refusal(status: 429 | 503, message: string): Refusal {
  return { status, message, retryAfterSeconds: RETRY_AFTER_SECONDS };
}
