import { createHash } from 'node:crypto';

import type { SimulatedMessage } from './persona-reply.ts';
import { estimateTokens } from './tokens.ts';

/** Prefixes remembered; the oldest fall out. */
const MOST_PREFIXES = 10_000;
/** Shorter prefixes are not cached. */
const LEAST_TOKENS = 64;

/** Remembers the beginnings of conversations, as both providers do on their own, to report cached tokens. It keeps hashes only. */
export class PrefixCache {
  readonly #seen = new Set<string>();

  /** Tokens of the longest beginning seen before; then remembers this conversation. */
  lookUp(account: string, model: string, messages: readonly SimulatedMessage[]): number {
    const hash = createHash('sha256').update(`${account}\0${model}`);
    let tokens = 0;
    let cached = 0;
    for (const message of messages) {
      hash.update(JSON.stringify(message));
      tokens += estimateTokens(message.text);
      const prefix = hash.copy().digest('base64');
      if (this.#seen.has(prefix)) cached = tokens;
      else this.#remember(prefix);
    }
    return cached >= LEAST_TOKENS ? cached : 0;
  }

  #remember(prefix: string): void {
    this.#seen.add(prefix);
    if (this.#seen.size <= MOST_PREFIXES) return;
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest);
      break;
    }
  }
}
