import { MetricsError, type MetricsErrorCode } from './metrics-error.ts';

/** Throws a {@link MetricsError} unless the candidate has these methods; the message says which it lacks. */
export function assertMethods(
  code: MetricsErrorCode,
  what: string,
  candidate: unknown,
  methods: readonly string[],
): void {
  const missing = methods.filter((method) => typeof Reflect.get(Object(candidate), method) !== 'function');
  if (missing.length > 0) throw new MetricsError(code, `the ${what} has no ${missing.join('(), ')}()`);
}
