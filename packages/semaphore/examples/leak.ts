/** Leaks on purpose and shows the report: `npx tsx packages/semaphore/examples/leak.ts`. */
import { Semaphore } from '@exai/semaphore';

const pool = new Semaphore({ capacity: 2, quarantineMs: 500, leak: 'strict' });
pool.on('leaked', ({ label, ageMs, stack }) => {
  console.log(`leaked: "${label}" after ${Math.round(ageMs)} ms, asked for at`);
  console.log(stack?.split('\n').slice(0, 2).join('\n'));
});
pool.on('recovered', ({ status, recovered, remaining }) =>
  console.log(`recovery: ${status}, ${recovered} taken back, ${remaining} remaining`),
);

async function forgetful(): Promise<void> {
  const permit = await pool.acquire({ label: 'forgetful job' });
  if (permit.weight === 1) return; // The early return that forgets the release.
  permit.release();
}

async function main(): Promise<void> {
  await forgetful();
  using honest = await pool.acquire({ label: 'honest job' });
  console.log(`held: ${pool.held} of ${pool.capacity}`);
  // A minute later some collection would find it; here we force one.
  await pool.recover({ collect: true });
  console.log(
    'holders:',
    pool.holders().map(({ label, state }) => `${label} (${state})`),
  );
  // The work of the lost permit may still run, so its place stays taken for quarantineMs.
  const waited = performance.now();
  using next = await pool.acquire({ label: 'next job' });
  console.log(`"next job" got in after ${Math.round((performance.now() - waited) / 100) / 10} s`);
  console.log(`held: ${pool.held} of ${pool.capacity}, by permits ${honest.id} and ${next.id}`);
}

await main();
