import { connect } from 'node:net';
import { createInterface } from 'node:readline';

import { createRedisSemaphore } from '../../src/redis/index.ts';
import { connectPort, type Adapter } from '../redis/test-account.ts';
import { SeededRandom } from '../seeded-random.ts';

/** What a worker process is told, as JSON, by its only argument. */
export interface WorkerOrders {
  readonly name: string;
  readonly url: string;
  readonly adapter: Adapter;
  readonly observer: number;
  readonly account: string;
  readonly ttlMs: number;
  readonly seed: number;
  /** How wrong the clock of the process is. */
  readonly skewMs: number;
  readonly lanes: number;
  readonly holdMs: number;
  readonly unreachable: 'closed' | 'share';
}

const LONG_SHARE = 0.05;

const orders = JSON.parse(process.argv[2] ?? '') as WorkerOrders;
const realNow = Date.now;
Date.now = () => realNow() + orders.skewMs;

const counts = { granted: 0, lost: 0, refused: 0, unhandled: 0 };
const life = { isStopping: false };
process.on('unhandledRejection', (error) => {
  counts.unhandled += 1;
  console.error('unhandled', error);
});
process.on('disconnect', () => process.exit(0));

const socket = connect(orders.observer, '127.0.0.1');
socket.setNoDelay(true);
const answers = new Map<string, () => void>();
createInterface({ input: socket }).on('line', (id) => {
  answers.get(id)?.();
  answers.delete(id);
});

function tell(verb: string, id: string, provider = ''): Promise<void> {
  return new Promise((resolve) => {
    answers.set(id, resolve);
    socket.write(`${verb} ${id} ${provider}\n`);
  });
}

/** Ends early when the signal says so. */
function work(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, signal.aborted ? 0 : ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

await tell('hello', orders.name);
const port = await connectPort(orders.url, orders.adapter);
const semaphore = await createRedisSemaphore({
  global: 5,
  session: 2,
  providers: { glm: 2, kimi: 3 },
  redis: port,
  account: orders.account,
  ttlMs: orders.ttlMs,
  unreachable: orders.unreachable,
  assumeFresh: true,
  graceMs: 100,
  callTimeoutMs: orders.ttlMs / 2,
});
const random = new SeededRandom(orders.seed);
let works = 0;

async function lane(): Promise<void> {
  while (!life.isStopping) {
    const provider = random.chance(0.5) ? 'glm' : 'kimi';
    const session = `${random.chance(0.2) ? 'shared' : orders.name}-${random.int(1, 4)}`;
    const timeoutMs = random.chance(0.1) ? random.int(1, 20) : 60_000;
    const permit = await semaphore.acquire({ provider, session, timeoutMs }).catch(() => undefined);
    if (permit === undefined) {
      counts.refused += 1;
      continue;
    }
    const id = String((works += 1));
    const { signal } = permit;
    // What is lost before it begins must not begin.
    if (!signal.aborted) {
      counts.granted += 1;
      await tell('begin', id, provider);
      // Now and then one that is under way when something happens.
      const longestMs = random.chance(LONG_SHARE) ? orders.ttlMs * 0.7 : orders.holdMs;
      await work(random.int(1, longestMs), signal);
      await tell('end', id);
    }
    if (signal.aborted) counts.lost += 1;
    permit.release();
  }
}

semaphore.on('sharedChanged', (shared) => process.send?.({ shared }));
const lanes = Array.from({ length: orders.lanes }, () => lane());
process.send?.({ ready: true });
process.on('message', (message) => {
  if (message === 'counts') process.send?.({ counts });
  if (message === 'stop') void stop();
});

async function stop(): Promise<void> {
  life.isStopping = true;
  semaphore.cancelAll();
  await Promise.all(lanes);
  await semaphore.close();
  process.send?.({ counts });
  port.end();
  socket.destroy();
  process.disconnect();
}
