/** What a {@link LaunchGate} needs. */
export interface LaunchGateOptions {
  /** Calls in flight at most. */
  maxInflight: number;
  /** What happens to a call that is due beyond it. */
  onFull: 'queue' | 'drop';
  /** How fast waiting calls follow when places come free. */
  catchUp: 'burst' | 'paced';
  now: () => number;
  at: (time: number, work: () => void) => void;
  /** Sends a call; `ended` must be called when it has ended. */
  send: (due: number, ended: () => void) => void;
  drop: (due: number) => void;
}

/** How much faster than its schedule a paced queue may be sent. */
const CATCH_UP = 1.2;

/** Lets calls of an open schedule through while fewer than a number are in flight, in the order in which they were due. */
export class LaunchGate {
  readonly #options: LaunchGateOptions;
  readonly #waiting: number[] = [];
  #running = 0;
  #isPlanned = false;
  #last: { due: number; sentAt: number } | undefined;

  constructor(options: LaunchGateOptions) {
    this.#options = options;
  }

  /** A call is due. */
  offer(due: number): void {
    const { maxInflight, onFull, drop } = this.#options;
    if (onFull === 'drop' && this.#running >= maxInflight) {
      drop(due);
      return;
    }
    this.#waiting.push(due);
    this.#next();
  }

  /** Nothing more is sent: what still waits is dropped. */
  close(): void {
    for (const due of this.#waiting.splice(0)) this.#options.drop(due);
  }

  #next(): void {
    const { maxInflight, now, at, send } = this.#options;
    for (;;) {
      const due = this.#waiting[0];
      if (due === undefined || this.#running >= maxInflight || this.#isPlanned) return;
      const earliest = this.#earliest(due);
      if (earliest > now()) {
        this.#isPlanned = true;
        at(earliest, () => {
          this.#isPlanned = false;
          this.#next();
        });
        return;
      }
      this.#waiting.shift();
      this.#running += 1;
      this.#last = { due, sentAt: now() };
      send(due, () => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  /** A paced queue keeps the gaps of its schedule, a little shorter, so that what was late catches up without a burst. */
  #earliest(due: number): number {
    if (this.#options.catchUp === 'burst' || !this.#last) return due;
    return Math.max(due, this.#last.sentAt + (due - this.#last.due) / CATCH_UP);
  }
}
