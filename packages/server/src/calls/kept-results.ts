import type { ToolResult } from './tool.ts';

interface Kept {
  readonly argsDigest: string;
  readonly result: ToolResult;
  readonly until: number;
}

/** Results kept in memory; older ones are in the journal. */
const MAX_KEPT = 2000;
const MAX_KEPT_CHARS = 32 * 1024 * 1024;

/** Results of ended calls, for those who ask again with the same idempotency key. The oldest give way; all do when their time is over. */
export class KeptResults {
  readonly #kept = new Map<string, Kept>();
  readonly #ttlMs: number;
  #chars = 0;
  #expiry: NodeJS.Timeout | undefined;

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  get size(): number {
    return this.#kept.size;
  }

  keep(runId: string, argsDigest: string, result: ToolResult): void {
    this.#drop(runId);
    this.#kept.set(runId, { argsDigest, result, until: Date.now() + this.#ttlMs });
    this.#chars += result.text.length;
    this.#expire();
  }

  get(runId: string): Kept | undefined {
    const kept = this.#kept.get(runId);
    if (kept === undefined || kept.until > Date.now()) return kept;
    this.#drop(runId);
    return undefined;
  }

  /** They are in the order of their ends. Without a timer an idle server would keep them until the next call. */
  #expire(): void {
    for (const [oldest, { until }] of this.#kept) {
      const isOver = until <= Date.now() || this.#kept.size > MAX_KEPT || this.#chars > MAX_KEPT_CHARS;
      if (!isOver) {
        this.#expireAt(until);
        return;
      }
      this.#drop(oldest);
    }
  }

  #expireAt(until: number): void {
    if (this.#expiry !== undefined) return;
    this.#expiry = setTimeout(() => {
      this.#expiry = undefined;
      this.#expire();
    }, until - Date.now()).unref();
  }

  #drop(runId: string): void {
    this.#chars -= this.#kept.get(runId)?.result.text.length ?? 0;
    this.#kept.delete(runId);
  }
}
