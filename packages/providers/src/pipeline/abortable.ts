/**
 * Settles with `promise`, or rejects with the signal's reason as soon as that aborts. What `promise` still brings
 * afterwards goes to `late`, so that it can be given back.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal, late?: (value: T) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      reject(toError(signal.reason, 'aborted'));
      promise.then((value) => late?.(value), ignore);
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort);
        reject(toError(error, String(error)));
      },
    );
  });
}

/** One signal that follows several; `unlink` removes every listener. */
export function linkSignals(signals: readonly (AbortSignal | undefined)[]): {
  signal: AbortSignal;
  unlink: () => void;
} {
  const controller = new AbortController();
  const stops: (() => void)[] = [];
  for (const signal of signals) {
    if (signal === undefined) continue;
    const follow = (): void => controller.abort(signal.reason);
    if (signal.aborted) follow();
    signal.addEventListener('abort', follow, { once: true });
    stops.push(() => signal.removeEventListener('abort', follow));
  }
  return { signal: controller.signal, unlink: () => stops.forEach((stop) => stop()) };
}

function toError(reason: unknown, message: string): Error {
  return reason instanceof Error ? reason : new Error(message, { cause: reason });
}

function ignore(): void {
  // The caller has already been told.
}
