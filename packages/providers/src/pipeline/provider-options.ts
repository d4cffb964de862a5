import type { ModelCatalog } from '../chat/model-catalog.ts';
import type { RuntimeOptions } from './provider-runtime.ts';

/** What both providers take. */
export interface CommonOptions extends RuntimeOptions {
  /** The key, or a function asked before every request. @defaultValue from the environment */
  readonly apiKey?: string | (() => string | Promise<string>) | undefined;
  /** Replaces the provider's own address. Without a key, requests to it carry none. */
  readonly baseURL?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Models beside or instead of the built-in ones. */
  readonly catalog?: ModelCatalog | undefined;
  /** Throw `INVALID_REQUEST` where a request would otherwise be changed with a warning. @defaultValue false */
  readonly strict?: boolean | undefined;
  /** What a line of a stream that is no JSON does: end the call with `MALFORMED_STREAM`, or be skipped with a warning. @defaultValue 'fail' */
  readonly badLines?: 'fail' | 'skip' | undefined;
}

const COMMON = [
  'apiKey',
  'baseURL',
  'headers',
  'catalog',
  'strict',
  'badLines',
  'fetch',
  'gate',
  'account',
  'timeouts',
  'retry',
  'breaker',
  'bufferBytes',
  'slowConsumerMs',
  'clock',
  'random',
] as const satisfies readonly (keyof CommonOptions)[];

/** @throws RangeError for an option that does not exist. */
export function checkOptions(factory: string, options: object, own: readonly string[]): void {
  const known: readonly string[] = [...COMMON, ...own];
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new RangeError(`${factory} has no option ${JSON.stringify(name)}; it takes ${known.join(', ')}`);
  }
}

/** @throws RangeError when `value` is not one of `allowed`. */
export function checkChoice<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new RangeError(`${name} must be ${allowed.join(' or ')}, got ${JSON.stringify(value)}`);
}
