import type { ChatEvent } from '../chat/chat-model.ts';
import { linkSignals } from './abortable.ts';
import type { AttemptAnswer } from './attempt.ts';
import { HEDGED } from './hedged.ts';

/** What one of two attempts runs with. */
export interface Lane {
  readonly signal: AbortSignal;
  readonly emit: (event: ChatEvent) => void;
}

/** Starts an attempt in a lane. */
export type Racer = (lane: Lane) => Promise<AttemptAnswer>;

const SEMANTIC: ReadonlySet<ChatEvent['type']> = new Set([
  'reasoning',
  'text',
  'tool-start',
  'tool-delta',
  'tool-call',
  'server-tool',
  'source',
]);

/**
 * Runs an attempt, and a second one when the first is unusually silent before its first token. Whichever says something
 * first wins; the other is aborted and nothing of it is seen.
 */
export class HedgedRace {
  readonly #signal: AbortSignal;
  readonly #emit: (event: ChatEvent) => void;
  readonly #second: () => Racer | undefined;
  readonly #lanes: AbortController[] = [];
  #winner: AbortController | undefined;
  #hedge: Promise<AttemptAnswer> | undefined;
  #hedgeStarted: () => void = () => undefined;

  constructor(options: {
    signal: AbortSignal;
    emit: (event: ChatEvent) => void;
    /** Asked once; `undefined` when there is no room for a second attempt. */
    second: () => Racer | undefined;
  }) {
    this.#signal = options.signal;
    this.#emit = options.emit;
    this.#second = options.second;
  }

  /** The winner's answer. When both fail, the first attempt's failure. */
  async run(first: Racer): Promise<AttemptAnswer> {
    const started = new Promise<void>((resolve) => {
      this.#hedgeStarted = resolve;
    });
    const primary = this.#enter(first, (event) => this.#onPrimary(event));
    // With a hedge on its way, the first good answer counts; its failure alone ends nothing.
    const hedged = started.then(() => this.#hedge ?? never<AttemptAnswer>());
    hedged.catch(() => undefined);
    try {
      return await Promise.race([primary, hedged.catch(() => primary)]);
    } catch (error) {
      if (this.#hedge === undefined) throw error;
      return this.#hedge.catch(() => {
        throw error;
      });
    }
  }

  #onPrimary(event: ChatEvent): void {
    if (event.type !== 'stalled' || event.phase !== 'first') return;
    if (this.#winner !== undefined || this.#hedge !== undefined) return;
    const second = this.#second();
    if (second === undefined) return;
    this.#hedge = this.#enter(second, () => undefined);
    this.#hedge.catch(() => undefined);
    this.#hedgeStarted();
  }

  async #enter(racer: Racer, watch: (event: ChatEvent) => void): Promise<AttemptAnswer> {
    const controller = new AbortController();
    this.#lanes.push(controller);
    const link = linkSignals([this.#signal, controller.signal]);
    const emit = (event: ChatEvent): void => {
      if (this.#winner === undefined && SEMANTIC.has(event.type)) this.#win(controller);
      if (this.#winner !== undefined && this.#winner !== controller) return;
      this.#emit(event);
      watch(event);
    };
    try {
      return await racer({ signal: link.signal, emit });
    } finally {
      link.unlink();
    }
  }

  #win(controller: AbortController): void {
    this.#winner = controller;
    for (const lane of this.#lanes) if (lane !== controller) lane.abort(HEDGED);
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
