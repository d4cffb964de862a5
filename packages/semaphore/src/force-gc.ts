/** The host's own timer, taken before a test can replace it: garbage collection does not follow a fake clock. */
const hostSetTimeout = globalThis.setTimeout;

interface V8Module {
  setFlagsFromString(flags: string): void;
}
interface VmModule {
  runInNewContext(code: string): unknown;
}

/** Runs one major garbage collection. False where the host offers no way. */
export function forceGc(): boolean {
  const collect = findGc();
  collect?.();
  return collect !== undefined;
}

/** Resolves after the finalizers of the last collection had their turn. */
export async function finalizersRan(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => hostSetTimeout(resolve, 0));
}

/** Used heap in megabytes; 0 where the host does not tell. */
export function usedHeapMb(): number {
  const { process } = globalThis;
  return typeof process?.memoryUsage === 'function' ? process.memoryUsage().heapUsed / 2 ** 20 : 0;
}

function findGc(): (() => void) | undefined {
  const exposed: unknown = Reflect.get(globalThis, 'gc');
  if (isFunction(exposed)) return exposed;
  // Node only, and without a static import, so that the package bundles for a browser.
  const v8: unknown = globalThis.process?.getBuiltinModule?.('node:v8');
  const vm: unknown = globalThis.process?.getBuiltinModule?.('node:vm');
  if (!isV8(v8) || !isVm(vm)) return undefined;
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  v8.setFlagsFromString('--no-expose-gc');
  return isFunction(collect) ? collect : undefined;
}

function isFunction(value: unknown): value is () => void {
  return typeof value === 'function';
}

function isV8(value: unknown): value is V8Module {
  return typeof value === 'object' && value !== null && 'setFlagsFromString' in value;
}

function isVm(value: unknown): value is VmModule {
  return typeof value === 'object' && value !== null && 'runInNewContext' in value;
}
