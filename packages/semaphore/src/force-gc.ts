/** The host's own timer, taken before a test can replace it: garbage collection does not follow a fake clock. */
const hostSetTimeout = globalThis.setTimeout;

/** Runs one major garbage collection. False where the host offers no way. */
export function forceGc(): boolean {
  const collect = findGc();
  if (typeof collect !== 'function') return false;
  collect();
  return true;
}

/** Resolves after the finalizers of the last collection had their turn. */
export async function finalizersRan(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => hostSetTimeout(resolve, 0));
}

/** Used heap in megabytes; 0 where the host does not tell. */
export function usedHeapMb(): number {
  return (globalThis.process?.memoryUsage?.().heapUsed ?? 0) / 2 ** 20;
}

function findGc(): unknown {
  const { gc, process } = globalThis;
  if (gc !== undefined) return gc;
  // Node only, and without a static import, so that the package bundles for a browser.
  const v8 = process?.getBuiltinModule?.('node:v8');
  v8?.setFlagsFromString('--expose-gc');
  const collect: unknown = process?.getBuiltinModule?.('node:vm').runInNewContext('gc');
  v8?.setFlagsFromString('--no-expose-gc');
  return collect;
}
