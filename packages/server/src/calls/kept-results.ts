import type { ToolResult } from './tool.ts';

interface Kept {
  readonly argsDigest: string;
  readonly result: ToolResult;
  readonly until: number;
}

/** Results kept in memory; older ones are in the journal. */
const MAX_KEPT = 2000;
const MAX_KEPT_CHARS = 32 * 1024 * 1024;

/** Results of ended calls, for those who ask again with the same idempotency key. The oldest give way. */
export class KeptResults {
  readonly #kept = new Map<string, Kept>();
  readonly #ttlMs: number;
  #chars = 0;

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  keep(runId: string, argsDigest: string, result: ToolResult): void {
    this.#kept.set(runId, { argsDigest, result, until: Date.now() + this.#ttlMs });
    this.#chars += result.text.length;
    for (const [oldest, { until }] of this.#kept) {
      if (until > Date.now() && this.#kept.size <= MAX_KEPT && this.#chars <= MAX_KEPT_CHARS) break;
      this.#drop(oldest);
    }
  }

  get(runId: string): Kept | undefined {
    const kept = this.#kept.get(runId);
    if (kept === undefined || kept.until > Date.now()) return kept;
    this.#drop(runId);
    return undefined;
  }

  #drop(runId: string): void {
    this.#chars -= this.#kept.get(runId)?.result.text.length ?? 0;
    this.#kept.delete(runId);
  }
}
