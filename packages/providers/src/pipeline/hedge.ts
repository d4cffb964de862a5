import type { ChatEvent } from '../chat/chat-model.ts';
import { NO_USAGE, type Usage } from '../chat/usage.ts';
import { linkSignals } from './abortable.ts';
import type { AttemptAnswer } from './attempt.ts';
import { HEDGED } from './hedged.ts';

/** What one of two attempts runs with. */
export interface Lane {
  readonly signal: AbortSignal;
  readonly emit: (event: ChatEvent) => void;
  /** Told of the tokens of the attempt as soon as the provider reports them. */
  readonly onUsage?: (usage: Usage) => void;
}

/** Starts an attempt in a lane. */
export type Racer = (lane: Lane) => Promise<AttemptAnswer>;

/** One of the attempts in a race. */
interface Entry {
  readonly controller: AbortController;
  usage: Usage | undefined;
  isRunning: boolean;
}

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
  readonly #entries: Entry[] = [];
  #winner: Entry | undefined;
  #lost: AttemptAnswer['lost'];
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
    const entry: Entry = { controller: new AbortController(), usage: undefined, isRunning: true };
    this.#entries.push(entry);
    const link = linkSignals([this.#signal, entry.controller.signal]);
    const emit = (event: ChatEvent): void => {
      if (SEMANTIC.has(event.type)) this.#win(entry);
      if (this.#winner !== undefined && this.#winner !== entry) return;
      this.#emit(event);
      watch(event);
    };
    try {
      const answered = await racer({ signal: link.signal, emit, onUsage: (usage) => (entry.usage = usage) });
      // An answer that is over without a word, such as a filtered one, wins too.
      this.#win(entry);
      return this.#lost === undefined ? answered : { ...answered, lost: this.#lost };
    } finally {
      entry.isRunning = false;
      link.unlink();
    }
  }

  #win(winner: Entry): void {
    if (this.#winner !== undefined) return;
    this.#winner = winner;
    const loser = this.#entries.find((entry) => entry !== winner);
    if (loser !== undefined) this.#lose(loser);
  }

  #lose({ controller, usage, isRunning }: Entry): void {
    // What failed by itself was not cut.
    this.#lost = { usage: usage ?? NO_USAGE, isKnown: usage !== undefined || !isRunning };
    controller.abort(HEDGED);
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
