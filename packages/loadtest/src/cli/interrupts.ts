import type { CliIo } from './io.ts';

/** Two signals: the first Ctrl-C drains and reports, the second one gives up the drain as well. */
export interface Interrupts extends Disposable {
  signal: AbortSignal;
  abandonSignal: AbortSignal;
}

/** Listens for Ctrl-C until disposed. */
export function listenForInterrupts(io: CliIo): Interrupts {
  const first = new AbortController();
  const second = new AbortController();
  const stop = io.onInterrupt(() => {
    if (first.signal.aborted) {
      second.abort();
      return;
    }
    io.err('interrupted: draining and reporting; again to stop now');
    first.abort();
  });
  return { signal: first.signal, abandonSignal: second.signal, [Symbol.dispose]: stop };
}
