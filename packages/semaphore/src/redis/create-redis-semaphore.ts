import { checkName, checkPositive, checkWord } from '../check-argument.ts';
import type { TieredOptions } from '../tiered-options.ts';
import { START_CALLS } from './account-link.ts';
import type { RedisPort } from './redis-port.ts';
import { RedisSemaphore } from './redis-semaphore.ts';
import { SharedAdmissionError } from './shared-admission-error.ts';

const DEFAULT_TTL_MS = 10_000;
const MIN_TTL_MS = 100;
const MAX_CALL_TIMEOUT_MS = 1000;
const MIN_VERSION: readonly [number, number] = [6, 2];

/** Options of {@link createRedisSemaphore}. */
export interface RedisSemaphoreOptions extends TieredOptions {
  /** `fromRedis(client)` of a connected client of `redis`, or `fromIoredis(client)`. Never closed by the semaphore. */
  redis: RedisPort;
  /** Whoever names the same account, on the same server, shares its limits. The hash tag of all keys. */
  account: string;
  /**
   * Milliseconds after which the permits of a dead process are free again, the same in all processes. Leases are renewed
   * three times as often. At least 100. @defaultValue 10_000
   */
  ttlMs?: number;
  /**
   * What happens while Redis cannot be reached. `closed`: nothing is granted; holders run to the end of their lease. `share`:
   * after one `ttlMs` each process grants ⌊limit / processes⌋ by itself. @defaultValue 'closed'
   */
  unreachable?: 'closed' | 'share';
  /** @defaultValue 'exai' */
  keyPrefix?: string;
  /**
   * Lets an account that Redis has never heard of start at once. Without it nothing is granted there for one `ttlMs`, since an
   * account that was lost looks the same. @defaultValue false
   */
  assumeFresh?: boolean;
  /** Milliseconds after which a call counts as failed; the start waits five times as long. @defaultValue min(1000, ttlMs / 4) */
  callTimeoutMs?: number;
}

/**
 * Makes a semaphore whose limits hold for all processes of an account together. The capacities of the process that started or
 * resized last are those of the account.
 *
 * @throws RangeError for a bad option; rejects with a `SharedAdmissionError` if the server cannot be used
 */
export async function createRedisSemaphore(options: RedisSemaphoreOptions): Promise<RedisSemaphore> {
  const { redis, account, ttlMs = DEFAULT_TTL_MS, unreachable = 'closed', keyPrefix = 'exai' } = options;
  const { assumeFresh = false, callTimeoutMs = Math.min(MAX_CALL_TIMEOUT_MS, ttlMs / 4) } = options;
  checkName('account', account);
  if (/[{}]/.test(account)) throw new RangeError(`account must not contain braces, got ${JSON.stringify(account)}`);
  checkName('keyPrefix', keyPrefix);
  if (!Number.isSafeInteger(ttlMs) || ttlMs < MIN_TTL_MS)
    throw new RangeError(`ttlMs must be an integer of at least ${MIN_TTL_MS}, got ${ttlMs}`);
  checkWord('unreachable', unreachable, ['closed', 'share']);
  checkPositive('callTimeoutMs', callTimeoutMs);
  if (callTimeoutMs > ttlMs / 2)
    throw new RangeError(`callTimeoutMs must be at most half of ttlMs ${ttlMs}, got ${callTimeoutMs}`);
  const settings = { account, keyPrefix, ttlMs, callTimeoutMs, unreachable, assumeFresh };
  const semaphore = new RedisSemaphore(options, redis, settings);
  await checkServer(redis, START_CALLS * callTimeoutMs);
  await semaphore.start();
  return semaphore;
}

async function checkServer(redis: RedisPort, timeoutMs: number): Promise<void> {
  const text = await readInfo(redis, timeoutMs);
  const version = /redis_version:(\d+)\.(\d+)/.exec(text);
  const [major, minor] = [Number(version?.[1]), Number(version?.[2])];
  const [minMajor, minMinor] = MIN_VERSION;
  if (!(major > minMajor || (major === minMajor && minor >= minMinor)))
    throw new SharedAdmissionError(
      'UNSUPPORTED_VERSION',
      `Redis must be at least ${MIN_VERSION.join('.')}, got ${version === null ? 'no version' : `${major}.${minor}`}`,
    );
  if (/^role:slave/m.test(text)) throw new SharedAdmissionError('READ_ONLY', 'Redis is a replica and takes no writes');
}

async function readInfo(redis: RedisPort, timeoutMs: number): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expiry = new Promise<never>((_, reject) => {
    const fail = (): void => reject(new Error(`no answer within ${timeoutMs} ms`));
    timer = setTimeout(fail, timeoutMs);
  });
  try {
    const sections = Promise.all([redis.info('server'), redis.info('replication')]);
    return (await Promise.race([sections, expiry])).join('\n');
  } catch (error) {
    const message = `Redis cannot be reached: ${error instanceof Error ? error.message : String(error)}`;
    throw new SharedAdmissionError('UNREACHABLE', message, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
