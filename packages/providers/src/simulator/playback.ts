import type { ServerResponse } from 'node:http';

/** Something that happens to a response at a time after the request was received. */
export interface Step {
  /** Milliseconds after receipt; steps are in order. */
  readonly atMs: number;
  readonly write?: string | Uint8Array;
  /** Comments to send from here on, every so many milliseconds, until something else ends the response. */
  readonly keepAliveMs?: number;
  /** `end`: the response ends. `cut`: the connection is destroyed. Without a last step of this kind the response hangs. */
  readonly close?: 'end' | 'cut';
}

/** How a playback ended. `gone`: the client closed the connection. */
export type PlaybackEnd = 'end' | 'cut' | 'gone';

/**
 * Plays steps onto a response, by the times they carry and without drift: what is late is written at once.
 *
 * `onLast` runs before the last bytes go out, so that a client that saw the end never finds its call still counted.
 */
export function play(
  response: ServerResponse,
  steps: readonly Step[],
  startedAt: number,
  onLast: () => void,
): Promise<PlaybackEnd> {
  return new Promise((resolve) => {
    new Playback({ response, steps, startedAt, onLast, onEnd: resolve }).start();
  });
}

/** How far one response has been played, and the timers that carry on from there. */
class Playback {
  readonly #response: ServerResponse;
  readonly #steps: readonly Step[];
  readonly #startedAt: number;
  readonly #onLast: () => void;
  readonly #onEnd: (how: PlaybackEnd) => void;
  readonly #onClose = (): void => this.#settle('gone');
  #next = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pulse: ReturnType<typeof setInterval> | undefined;

  constructor(options: {
    response: ServerResponse;
    steps: readonly Step[];
    startedAt: number;
    onLast: () => void;
    onEnd: (how: PlaybackEnd) => void;
  }) {
    this.#response = options.response;
    this.#steps = options.steps;
    this.#startedAt = options.startedAt;
    this.#onLast = options.onLast;
    this.#onEnd = options.onEnd;
  }

  start(): void {
    this.#response.on('close', this.#onClose);
    if (this.#response.destroyed) this.#settle('gone');
    else this.#run();
  }

  #settle(how: PlaybackEnd): void {
    clearTimeout(this.#timer);
    clearInterval(this.#pulse);
    this.#response.off('close', this.#onClose);
    this.#onEnd(how);
  }

  #run(): void {
    const { socket } = this.#response;
    // What is due at once goes out in one packet. A corked response loses what is written before its end on Node 22.
    socket?.cork();
    const close = this.#writeDue();
    if (close === 'end') this.#response.end();
    socket?.uncork();
    if (close === undefined) return;
    this.#settle(close);
    if (close === 'cut') this.#response.destroy();
  }

  /** Writes what is due; how the response is to be closed, if it is. */
  #writeDue(): Step['close'] {
    const passed = performance.now() - this.#startedAt;
    for (let step = this.#steps[this.#next]; step !== undefined; step = this.#steps[this.#next]) {
      // Half a millisecond is below what a timer can tell.
      if (step.atMs > passed + 0.5) {
        this.#timer = setTimeout(() => this.#run(), step.atMs - passed);
        return undefined;
      }
      this.#next += 1;
      if (step.keepAliveMs !== undefined) {
        this.#pulse = setInterval(() => this.#response.write(': keep-alive\n\n'), step.keepAliveMs);
      }
      if (step.close !== undefined) this.#onLast();
      if (step.write !== undefined) this.#response.write(step.write);
      if (step.close !== undefined) return step.close;
    }
    return undefined;
  }
}
