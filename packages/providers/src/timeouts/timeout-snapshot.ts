import { PHASES, type Phase, type TimeoutKey } from './phase.ts';

/** Everything an `AdaptiveTimeouts` learned, as plain data. A negative sample was cut short. */
export interface TimeoutSnapshot {
  readonly version: 1;
  readonly keys: readonly {
    readonly key: TimeoutKey;
    readonly phases: readonly {
      readonly phase: Phase;
      readonly backoff: number;
      readonly samples: readonly number[];
    }[];
  }[];
}

/**
 * Checks foreign data and returns it as a snapshot.
 *
 * @throws RangeError naming the part that is wrong.
 */
export function readSnapshot(value: unknown): TimeoutSnapshot {
  const { version, keys } = record(value, 'snapshot');
  if (version !== 1) throw new RangeError(`snapshot.version must be 1, got ${String(version)}`);
  return { version, keys: list(keys, 'snapshot.keys').map(readKey) };
}

function readKey(value: unknown): TimeoutSnapshot['keys'][number] {
  const { key, phases } = record(value, 'snapshot.keys[]');
  return { key: readTimeoutKey(record(key, 'key')), phases: list(phases, 'phases').map(readPhase) };
}

function readTimeoutKey(key: Readonly<Record<string, unknown>>): TimeoutKey {
  const { provider, model, endpoint, thinking } = key;
  if (typeof provider !== 'string' || typeof model !== 'string') {
    throw new RangeError('key.provider and key.model must be text');
  }
  return {
    provider,
    model,
    ...(typeof endpoint === 'string' ? { endpoint } : {}),
    ...(typeof thinking === 'string' || typeof thinking === 'boolean' ? { thinking } : {}),
    ...(key['webSearch'] === true ? { webSearch: true } : {}),
    ...(key['tools'] === true ? { tools: true } : {}),
    ...(key['vision'] === true ? { vision: true } : {}),
    ...(key['bufferedArgs'] === true ? { bufferedArgs: true } : {}),
  };
}

function readPhase(value: unknown): TimeoutSnapshot['keys'][number]['phases'][number] {
  const { phase: name, backoff, samples } = record(value, 'phases[]');
  const phase = PHASES.find((known) => known === name);
  if (phase === undefined) throw new RangeError(`phase must be one of ${PHASES.join(', ')}, got ${String(name)}`);
  if (typeof backoff !== 'number' || !(backoff >= 1)) throw new RangeError('backoff must be a number of at least 1');
  return { phase, backoff, samples: list(samples, 'samples').map(readSample) };
}

function readSample(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new RangeError(`samples must be finite numbers, got ${String(value)}`);
  }
  return value;
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RangeError(`${name} must be an object`);
  }
  return Object.fromEntries(Object.entries(value));
}

function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new RangeError(`${name} must be a list`);
  return value;
}
