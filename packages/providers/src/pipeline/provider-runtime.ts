import type { Gate } from '../chat/gate.ts';
import { AdaptiveTimeouts, type TimeoutOptions } from '../timeouts/adaptive-timeouts.ts';
import type { Clock } from '../timeouts/clock.ts';
import { timeoutTableFromEnv } from '../timeouts/timeout-table.ts';
import { Breaker, type BreakerOptions } from './breaker.ts';
import { callClock } from './call-clock.ts';
import { type FetchLike, HttpTransport } from './http-transport.ts';
import { ProviderEmitter } from './provider-events.ts';
import { type RetryOptions, RetryPolicy } from './retry-policy.ts';

/** What every provider takes. */
export interface RuntimeOptions {
  /** @defaultValue undici's when that is installed, else the global one */
  readonly fetch?: FetchLike | undefined;
  /** Limits the attempts in flight. @defaultValue none */
  readonly gate?: Gate | undefined;
  /** Part of the gate's key behind a colon, for keys of several accounts. */
  readonly account?: string | undefined;
  /** Silence budgets; share one object to share what is learned. @defaultValue the table of the `…_TIMEOUT_SECS` variables */
  readonly timeouts?: AdaptiveTimeouts | TimeoutOptions | undefined;
  readonly retry?: RetryOptions | undefined;
  /** @defaultValue on */
  readonly breaker?: BreakerOptions | false | undefined;
  /** Unread answer kept per call, in bytes. @defaultValue 4 MiB */
  readonly bufferBytes?: number | undefined;
  /** How long that buffer may stay full before the call ends with `SLOW_CONSUMER`. @defaultValue 10_000 */
  readonly slowConsumerMs?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Numbers in [0, 1) for jitter and ids. @defaultValue Math.random */
  readonly random?: (() => number) | undefined;
}

/** What the calls of one provider share. */
export class ProviderRuntime {
  readonly provider: string;
  readonly gateKey: string;
  readonly gate: Gate | undefined;
  readonly transport: HttpTransport;
  readonly timeouts: AdaptiveTimeouts;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: ProviderEmitter = new ProviderEmitter();
  readonly bufferBytes: number | undefined;
  readonly slowConsumerMs: number;
  readonly #breakerOptions: BreakerOptions | false;
  readonly #breakers = new Map<string, Breaker>();
  #capped = false;

  constructor(provider: string, options: RuntimeOptions) {
    this.provider = provider;
    this.gateKey = options.account === undefined ? provider : `${provider}:${options.account}`;
    this.gate = options.gate;
    this.transport = new HttpTransport(options.fetch);
    this.random = options.random ?? Math.random;
    this.timeouts = toTimeouts(provider, options);
    this.clock = callClock(options.clock ?? this.timeouts.clock);
    this.retry = new RetryPolicy(options.retry ?? {}, this.random);
    this.bufferBytes = options.bufferBytes;
    this.slowConsumerMs = options.slowConsumerMs ?? 10_000;
    this.#breakerOptions = options.breaker ?? {};
  }

  /** The breaker of a model; `undefined` when breakers are off. */
  breaker(model: string): Breaker | undefined {
    const options = this.#breakerOptions;
    if (options === false) return undefined;
    const existing = this.#breakers.get(model);
    if (existing !== undefined) return existing;
    const breaker = new Breaker(
      options,
      () => this.clock.now(),
      (state) => this.events.emit('breakerChanged', { provider: this.provider, model, state }),
    );
    this.#breakers.set(model, breaker);
    return breaker;
  }

  /** True the first time only: the warning about cut budgets is given once. */
  noteCapped(): boolean {
    const isFirst = !this.#capped;
    this.#capped = true;
    return isFirst;
  }

  /** A random identifier of 24 lower-case characters. */
  newId(prefix: string): string {
    let id = prefix;
    while (id.length < prefix.length + ID_LENGTH) id += Math.floor(this.random() * 36).toString(36);
    return id;
  }
}

const ID_LENGTH = 24;

function toTimeouts(provider: string, options: RuntimeOptions): AdaptiveTimeouts {
  const given = options.timeouts;
  if (given instanceof AdaptiveTimeouts) return given;
  const table = timeoutTableFromEnv(globalThis.process?.env ?? {}, provider);
  return new AdaptiveTimeouts({
    ...given,
    table: { ...table, ...given?.table },
    ...(options.clock !== undefined && { clock: options.clock }),
    ...(options.random !== undefined && { random: options.random }),
  });
}
