/** When a model is left alone for a while. */
export interface BreakerOptions {
  /** Calls in the window before it may open. @defaultValue 10 */
  readonly minimumCalls?: number | undefined;
  /** Share of failures that opens it. @defaultValue 0.5 */
  readonly failureRatio?: number | undefined;
  /** @defaultValue 60_000 */
  readonly windowMs?: number | undefined;
  /** How long it stays open before one attempt may try. @defaultValue 30_000 */
  readonly openMs?: number | undefined;
}

/** `closed`: calls run · `open`: calls are refused at once · `half-open`: one attempt tries. */
export type BreakerState = 'closed' | 'open' | 'half-open';

interface Ending {
  readonly at: number;
  readonly failed: boolean;
}

/** Opens when at least half of ten or more attempts within a minute failed by the provider's fault. */
export class Breaker {
  readonly #minimumCalls: number;
  readonly #failureRatio: number;
  readonly #windowMs: number;
  readonly #openMs: number;
  readonly #now: () => number;
  readonly #onChange: (state: BreakerState) => void;
  #endings: Ending[] = [];
  #state: BreakerState = 'closed';
  #openedAt = 0;
  #probing = false;

  constructor(options: BreakerOptions, now: () => number, onChange: (state: BreakerState) => void) {
    this.#minimumCalls = options.minimumCalls ?? 10;
    this.#failureRatio = options.failureRatio ?? 0.5;
    this.#windowMs = options.windowMs ?? 60_000;
    this.#openMs = options.openMs ?? 30_000;
    this.#now = now;
    this.#onChange = onChange;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Milliseconds until it may be tried again; `undefined` when it may be tried now, which counts as the try. */
  admit(): number | undefined {
    if (this.#state === 'closed') return undefined;
    const leftMs = this.#openedAt + this.#openMs - this.#now();
    if (leftMs > 0) return leftMs;
    if (this.#probing) return this.#openMs;
    this.#probing = true;
    this.#change('half-open');
    return undefined;
  }

  /** Reports how an admitted attempt ended; `ignored` is for endings that say nothing about the provider. */
  settle(how: 'ok' | 'failed' | 'ignored'): void {
    if (this.#state === 'half-open') {
      this.#probing = false;
      if (how === 'ok') this.#close();
      if (how === 'failed') this.#open();
      return;
    }
    if (how === 'ignored' || this.#state === 'open') return;
    this.#note(how === 'failed');
  }

  #note(failed: boolean): void {
    const since = this.#now() - this.#windowMs;
    this.#endings.push({ at: this.#now(), failed });
    this.#endings = this.#endings.filter((ending) => ending.at > since);
    if (this.#endings.length < this.#minimumCalls) return;
    const failures = this.#endings.filter((ending) => ending.failed).length;
    if (failures / this.#endings.length >= this.#failureRatio) this.#open();
  }

  #open(): void {
    this.#openedAt = this.#now();
    this.#endings = [];
    this.#change('open');
  }

  #close(): void {
    this.#endings = [];
    this.#change('closed');
  }

  #change(state: BreakerState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#onChange(state);
  }
}
