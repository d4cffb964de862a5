/** The same code on async-mutex and on `@exai/semaphore/compat`: one import changes. Then what the core adds. */
import * as before from 'async-mutex';

import { AcquireError } from '@exai/semaphore';
import * as after from '@exai/semaphore/compat';

/** Code that was written for async-mutex, and is not changed. */
async function yourCode({ Semaphore, withTimeout, E_TIMEOUT }: typeof before | typeof after): Promise<string> {
  const pool = new Semaphore(2);
  const [value, release] = await pool.acquire();
  const heavy: unknown = await withTimeout(pool, 20)
    .acquire(2)
    .catch((error: unknown) => error);
  // A permit is free, but the call that gave up still stands in the queue: so it is in async-mutex, and so it stays.
  const light = await Promise.race([pool.runExclusive(() => 'runs'), afterMs(50, 'waits')]);
  release();
  return `value ${value}, heavy call ${heavy === E_TIMEOUT ? 'E_TIMEOUT' : String(heavy)}, light call behind it ${light}`;
}

console.log(`async-mutex: ${await yourCode(before)}`);
console.log(`compat:      ${await yourCode(after)}`);

// New code asks the core: a call that gives up leaves the queue, and every holder has a name and an age.
const { core } = new after.Semaphore(2);
const importer = await core.acquire({ label: 'nightly import' });
const heavy: unknown = await core.acquire({ weight: 2, timeoutMs: 20 }).catch((error: unknown) => error);
const light = await core.run(() => 'runs');
console.log(
  `core:        heavy call ${AcquireError.is(heavy) ? heavy.code : 'granted'}, light call behind it ${light}`,
);
console.log(
  `in the way:  ${core
    .holders()
    .map(({ label, state }) => `"${label}" (${state})`)
    .join(', ')}`,
);
importer.release();
await core.close();

function afterMs(ms: number, text: string): Promise<string> {
  return new Promise((resolve) => setTimeout(resolve, ms, text));
}
