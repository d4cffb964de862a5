import type { Phase, TimeoutKey } from './phase.ts';
import { SurvivalWindow } from './survival-window.ts';

/** The phases whose silence is learned. */
export const SILENT_PHASES = ['first', 'reasoning', 'text', 'tool-args', 'server-tool'] as const;

/** A phase whose silence is learned. */
export type SilentPhase = (typeof SILENT_PHASES)[number];

/** Samples kept of the pace, which varies far less than silences do. */
const PACE_WINDOW = 64;

/** What is known of one key: a window of silences and a back-off factor per phase, and the pace of its deltas. */
export class KeyTimes {
  readonly key: TimeoutKey;
  readonly #window: number;
  readonly #phases = new Map<Phase, { silences: SurvivalWindow; backoff: number }>();

  constructor(key: TimeoutKey, window: number) {
    this.key = key;
    this.#window = window;
  }

  /** Names what is learned apart: equal text, equal estimate. */
  static id(key: TimeoutKey): string {
    const { provider, endpoint = '', model, thinking = false } = key;
    const flags = [key.webSearch, key.tools, key.vision, key.bufferedArgs].map((on) => (on === true ? 1 : 0));
    return JSON.stringify([provider, endpoint, model, thinking, ...flags]);
  }

  /** The window of a phase, made when first asked for. */
  of(phase: Phase): { silences: SurvivalWindow; backoff: number } {
    let found = this.#phases.get(phase);
    if (found === undefined) {
      const capacity = phase === 'total' ? Math.min(PACE_WINDOW, this.#window) : this.#window;
      found = { silences: new SurvivalWindow(capacity), backoff: 1 };
      this.#phases.set(phase, found);
    }
    return found;
  }

  /** The window of a phase, if anything was seen of it. */
  peek(phase: Phase): { readonly silences: SurvivalWindow; readonly backoff: number } | undefined {
    return this.#phases.get(phase);
  }

  /** The phases seen. */
  seen(): readonly Phase[] {
    return [...this.#phases.keys()];
  }

  /** Bytes of sample storage. */
  get bytes(): number {
    let sum = 0;
    for (const { silences } of this.#phases.values()) sum += silences.bytes;
    return sum;
  }
}
