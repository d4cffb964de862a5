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
    let next = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let pulse: ReturnType<typeof setInterval> | undefined;
    const settle = (how: PlaybackEnd): void => {
      clearTimeout(timer);
      clearInterval(pulse);
      response.off('close', onClose);
      resolve(how);
    };
    const onClose = (): void => settle('gone');
    response.on('close', onClose);
    if (response.destroyed) {
      settle('gone');
      return;
    }
    /** Writes what is due; how the response is to be closed, if it is. */
    const writeDue = (): Step['close'] => {
      const passed = performance.now() - startedAt;
      for (let step = steps[next]; step !== undefined; step = steps[next]) {
        // Half a millisecond is below what a timer can tell.
        if (step.atMs > passed + 0.5) {
          timer = setTimeout(run, step.atMs - passed);
          return undefined;
        }
        next += 1;
        if (step.keepAliveMs !== undefined) {
          pulse = setInterval(() => response.write(': keep-alive\n\n'), step.keepAliveMs);
        }
        if (step.close !== undefined) onLast();
        if (step.write !== undefined) response.write(step.write);
        if (step.close !== undefined) return step.close;
      }
      return undefined;
    };
    const run = (): void => {
      const { socket } = response;
      // What is due at once goes out in one packet. A corked response loses what is written before its end on Node 22.
      socket?.cork();
      const close = writeDue();
      if (close === 'end') response.end();
      socket?.uncork();
      if (close === undefined) return;
      settle(close);
      if (close === 'cut') response.destroy();
    };
    run();
  });
}
