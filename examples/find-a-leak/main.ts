/** One early return forgets a release. The semaphore proves it, says where the permit was asked for, and takes it back. */
import { Semaphore } from '@exai/semaphore';

const pool = new Semaphore({ capacity: 2, leak: 'strict', graceMs: 10, quarantineMs: 50 });

pool.on('leaked', ({ label, stack }) => console.log(`leaked: "${label}", asked for at ${sourceOf(stack)}`));
pool.on('recovered', ({ status, recovered }) => console.log(`recovery: ${status}, ${recovered} taken back`));

async function priceOf(item: string): Promise<number> {
  const permit = await pool.acquire({ label: `price of ${item}` });
  if (item === 'unknown') return 0; // Here nobody releases any more.
  permit.release();
  return 3.49;
}

const slow = await pool.acquire({ label: 'slow but alive' });
await priceOf('tea');
await priceOf('unknown');
console.log(`before: ${pool.held} of ${pool.capacity} held, nobody else gets in`);

// An idle process collects no garbage by itself; a busy one gets the same verdict within its health checks.
await pool.recover({ collect: true });
const next = await pool.acquire({ label: 'next', timeoutMs: 10_000 });
console.log(`after: "next" got in, "slow but alive" still holds its permit: ${slow.held}`);

next.release();
slow.release();
await pool.assertNoLeaks();
console.log(`at the end: ${pool.held} held`);
await pool.close();

function sourceOf(stack: string | undefined): string {
  const line = stack?.split('\n').find((text) => text.includes('priceOf')) ?? '';
  return /priceOf.*?([\w-]+\/main\.ts:\d+)/.exec(line)?.[1] ?? 'an unknown place';
}
