/** An Express route behind a gate: two questions at once per user, four altogether, a short queue, and an honest 503 beyond it. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { AcquireError, TieredSemaphore } from '@exai/semaphore';
import express, { type NextFunction, type Request, type Response } from 'express';

const limits = new TieredSemaphore({ global: 4, session: 2, providers: { answers: 4 }, maxWaitingPerSession: 1 });

/** Admits a request, and gives its permit back when the answer is out or the client is gone. */
async function gate(request: Request, response: Response, next: NextFunction): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    const ask = {
      provider: 'answers',
      session: request.get('x-user') ?? 'nobody',
      signal: gone.signal,
      timeoutMs: 10_000,
    };
    const permit = await limits.acquire(ask);
    if (response.closed) permit.release();
    else response.once('close', () => permit.release());
    next();
  } catch (error) {
    if (!AcquireError.is(error)) throw error;
    response.set('retry-after', String(Math.ceil((error.retryAfterMs ?? 1000) / 1000)));
    response.status(503).json({ code: error.code });
  }
}

const app = express();
// oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Express 5 hands a rejection to its error handler
app.get('/answer', gate, async (_request, response) => {
  await sleep(300);
  response.json({ answer: 42 });
});
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/answer`;

const ask = async (user: string): Promise<number> => (await fetch(url, { headers: { 'x-user': user } })).status;
const [ada, ben] = await Promise.all([
  Promise.all(Array.from({ length: 6 }, () => ask('ada'))),
  Promise.all(Array.from({ length: 2 }, () => ask('ben'))),
]);
console.log(`ada asks six at once: ${ada.toSorted((a, b) => a - b).join(' ')}`);
console.log(`ben asks two:         ${ben.join(' ')}`);

const leaver = new AbortController();
const left = fetch(url, { headers: { 'x-user': 'cleo' }, signal: leaver.signal }).then(
  () => 'stayed',
  () => 'left',
);
await sleep(50);
leaver.abort();
console.log(`cleo does not wait for the answer: ${await left}`);
while (limits.stats().global.held > 0) await sleep(5);
console.log(`permits held at the end: ${limits.stats().global.held}`);
server.close();
server.closeAllConnections();
await limits.close();
