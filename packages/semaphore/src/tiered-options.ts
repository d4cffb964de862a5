import type { AimdOptions } from './adaptive-limit.ts';
import { checkName, checkPositiveInteger } from './check-argument.ts';
import type { CommonAsk, CommonOptions } from './common-options.ts';

/** Options of a {@link TieredSemaphore}. */
export interface TieredOptions extends CommonOptions {
  /** Permits held at once by all calls together. */
  global: number;
  /** Permits held at once by the calls of one session. */
  session: number;
  /** Permits held at once by the calls to one provider. */
  providers: Record<string, number>;
  /** Capacity of each provider not listed. @defaultValue none: such a call is a `RangeError` */
  defaultProvider?: number;
  /** Calls of one session that may wait. @defaultValue maxWaiting */
  maxWaitingPerSession?: number;
  /** Lets `release('overload')` lower a provider's limit and clean releases raise it again. @defaultValue false */
  adaptive?: boolean | AimdOptions;
}

/** What one call asks of a {@link TieredSemaphore}. It always takes one permit of each tier. */
export interface TieredAsk extends CommonAsk {
  /** Key of the provider tier: a name, or `name:account`. */
  provider: string;
  /** Whose call it is. */
  session: string;
  /** Orders calls within their session only. @defaultValue 0 */
  priority?: number;
  /** The session's share: with weight 2 it is served twice as often as one with 1 while both wait. @defaultValue 1 */
  weight?: number;
  /** A second attempt: enters at the head of its own session's queue; its session is charged again. @defaultValue false */
  retry?: boolean;
}

/** Throws a `RangeError` for a capacity that is none. */
export function checkTieredOptions(options: TieredOptions): void {
  checkPositiveInteger('global', options.global);
  checkPositiveInteger('session', options.session);
  for (const [id, capacity] of Object.entries(options.providers)) {
    checkName('provider', id);
    checkPositiveInteger(`providers.${id}`, capacity);
  }
  if (options.defaultProvider !== undefined) checkPositiveInteger('defaultProvider', options.defaultProvider);
}
