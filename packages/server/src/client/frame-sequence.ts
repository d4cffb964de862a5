/** Frames between two acknowledgements. */
const ACK_EVERY = 64;

/** Where a client is in the numbered frames of its session. */
export class FrameSequence {
  #last = 0;
  #acked = 0;
  #replayUntil: number | undefined;

  /** Number of the last frame that was taken. */
  get last(): number {
    return this.#last;
  }

  /** A connection was made and everything it missed has come. */
  get caughtUp(): boolean {
    return this.#replayUntil !== undefined && this.#last >= this.#replayUntil;
  }

  /** A new session begins with frame 1. */
  begin(): void {
    this.#last = 0;
    this.#acked = 0;
    this.#replayUntil = 0;
  }

  /** A resumed one sends what was missed, up to this number. */
  replayUntil(seq: number): void {
    this.#replayUntil = seq;
  }

  /** The connection is gone: nobody knows what is missed. */
  interrupt(): void {
    this.#replayUntil = undefined;
  }

  /** Frames come in order and each once: `next` is to be handled, `seen` was, a `gap` means that something was lost. */
  take(seq: number): 'next' | 'seen' | 'gap' {
    if (seq <= this.#last) return 'seen';
    if (seq !== this.#last + 1) return 'gap';
    this.#last = seq;
    return 'next';
  }

  /** The number to acknowledge now, if it is time for that. */
  toAck(): number | undefined {
    if (this.#last - this.#acked < ACK_EVERY) return undefined;
    this.#acked = this.#last;
    return this.#last;
  }
}
