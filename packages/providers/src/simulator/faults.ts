import { glmError, kimiError, type WireError } from './dialect.ts';
import type { SimulatedProvider } from './persona-reply.ts';

/** What goes wrong with calls, at random but seeded. Shares are between 0 and 1 and add up to at most 1. */
export interface FaultRates {
  /** Share of the calls that fall silent at some point and stay so until the client gives up. @defaultValue 0 */
  readonly hangShare: number;
  /** Share of the hanging calls that send comments meanwhile. @defaultValue 0.5 */
  readonly keepAliveShare: number;
  /** Share of the calls answered with an overload or a server error, or an error inside the stream. @defaultValue 0 */
  readonly errorShare: number;
  /** Share of the calls whose connection breaks. @defaultValue 0 */
  readonly cutShare: number;
  /** Factor on every service time, also on one asked for by `simulate.serviceMs`. @defaultValue 1 */
  readonly slowdown: number;
}

/** No faults. */
export const NO_FAULTS: FaultRates = { hangShare: 0, keepAliveShare: 0.5, errorShare: 0, cutShare: 0, slowdown: 1 };

/** What happens to one call. `at` is where in its life, from 0 to 1. */
export type Fault =
  | { readonly kind: 'hang' | 'keep-alive-hang' | 'cut' | 'stream-error'; readonly at: number }
  | { readonly kind: 'error'; readonly error: WireError };

/** The fault switches of a simulator. They apply to calls received from then on. */
export class Faults {
  #rates: Record<SimulatedProvider, FaultRates>;

  constructor(initial: Partial<FaultRates> = {}) {
    this.#rates = { glm: NO_FAULTS, kimi: NO_FAULTS };
    this.set(initial);
  }

  /** The rates in force for a provider. */
  get(provider: SimulatedProvider): FaultRates {
    return this.#rates[provider];
  }

  /**
   * Changes some rates, for one provider or for both.
   *
   * @throws RangeError when a name is unknown or a value out of range; nothing is changed then.
   */
  set(change: Partial<FaultRates>, provider?: SimulatedProvider): void {
    for (const [name, value] of Object.entries(change)) check(name, value);
    const changed = (rates: FaultRates): FaultRates => {
      const next = { ...rates, ...change };
      const sum = next.hangShare + next.errorShare + next.cutShare;
      if (sum > 1) throw new RangeError(`hangShare, errorShare and cutShare must add up to at most 1, got ${sum}`);
      return next;
    };
    const { glm, kimi } = this.#rates;
    this.#rates = {
      glm: provider === 'kimi' ? glm : changed(glm),
      kimi: provider === 'glm' ? kimi : changed(kimi),
    };
  }

  /** Turns all faults off. */
  clear(): void {
    this.#rates = { glm: NO_FAULTS, kimi: NO_FAULTS };
  }

  /** Draws what happens to a call; it takes the same number of draws whatever the rates. */
  draw(provider: SimulatedProvider, random: () => number): Fault | undefined {
    const { hangShare, keepAliveShare, errorShare, cutShare } = this.#rates[provider];
    const which = random();
    const at = random();
    const kind = random();
    if (which < hangShare) return { kind: kind < keepAliveShare ? 'keep-alive-hang' : 'hang', at };
    if (which < hangShare + cutShare) return { kind: 'cut', at };
    if (which >= hangShare + cutShare + errorShare) return undefined;
    // Two of three fail before anything was sent, the third in the middle.
    return kind < 2 / 3 ? { kind: 'error', error: errorOf(provider, kind < 1 / 3) } : { kind: 'stream-error', at };
  }
}

function check(name: string, value: unknown): void {
  if (!Object.hasOwn(NO_FAULTS, name)) {
    throw new RangeError(`unknown fault ${JSON.stringify(name)}, expected one of ${Object.keys(NO_FAULTS).join(', ')}`);
  }
  const most = name === 'slowdown' ? Number.MAX_VALUE : 1;
  if (typeof value !== 'number' || !(value >= 0 && value <= most)) {
    throw new RangeError(
      `${name} must be ${name === 'slowdown' ? 'a number of at least 0' : 'between 0 and 1'}, got ${String(value)}`,
    );
  }
}

/** The error of an overloaded or of a broken provider. */
export function errorOf(provider: SimulatedProvider, overloaded: boolean): WireError {
  if (provider === 'glm') {
    return overloaded
      ? glmError(429, '1305', 'The service is temporarily overloaded, please try again later')
      : glmError(500, '1234', 'Network error, error id: simulated, please contact customer service');
  }
  return overloaded
    ? kimiError(429, 'engine_overloaded_error', 'The engine is currently overloaded, please try again later')
    : kimiError(500, 'server_error', 'Internal server error');
}
