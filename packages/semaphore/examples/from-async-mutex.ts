/**
 * Moves from async-mutex in one line: `npx tsx packages/semaphore/examples/from-async-mutex.ts`.
 *
 * Before: import { Semaphore, withTimeout, E_TIMEOUT } from 'async-mutex';
 */
import { E_TIMEOUT, Semaphore, withTimeout } from '@exai/semaphore/compat';

const semaphore = new Semaphore(2);

// The code of before, unchanged.
const [value, release] = await semaphore.acquire();
console.log(`value at the grant: ${value}, left: ${semaphore.getValue()}`);
const outcome = await withTimeout(semaphore, 20)
  .acquire(2)
  .then(
    () => 'granted',
    (error: unknown) => (error === E_TIMEOUT ? 'E_TIMEOUT' : 'failed'),
  );
console.log(`heavy call: ${outcome}`);

// What it gains: holders with ages, statistics, and a queue that a signal or deadline can leave.
const controller = new AbortController();
const waiting = semaphore.core.acquire({ weight: 2, label: 'patient', signal: controller.signal });
controller.abort('not needed any more');
await waiting.catch((error: unknown) => console.log(String(error)));
console.log(
  'holders:',
  semaphore.core.holders().map(({ id, state }) => `#${id} (${state})`),
);
release();
await semaphore.core.close();
console.log(`held at the end: ${semaphore.core.held}`);
