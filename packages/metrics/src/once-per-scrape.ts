/**
 * Reads a live object once for all families of a scrape, so that they agree with each other.
 *
 * A registry asks all its metrics in one synchronous turn; the reading is dropped when that turn ends. A read that throws
 * gives `undefined` and is reported: a scrape never fails for one component. Outside of a scrape nothing is remembered.
 */
export function oncePerScrape<T>(read: () => T, failed: () => void): (scraping: boolean) => T | undefined {
  let taken: { readonly value: T | undefined } | undefined;
  return (scraping) => {
    if (!scraping) return attempt(read, failed);
    if (taken !== undefined) return taken.value;
    taken = { value: attempt(read, failed) };
    queueMicrotask(() => {
      taken = undefined;
    });
    return taken.value;
  };
}

function attempt<T>(read: () => T, failed: () => void): T | undefined {
  try {
    return read();
  } catch {
    failed();
    return undefined;
  }
}
