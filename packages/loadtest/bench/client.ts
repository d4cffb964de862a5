// One client of the bench, in a process of its own: prints what it did and the CPU it took.
import type { Driver, Scenario } from '../src/index.ts';

const [library = '', kind = '', url = '', firstText = '0', countText = '0', socketsText = '15'] = process.argv.slice(2);
const first = Number(firstText);
const count = Number(countText);
const sockets = Number(socketsText);

const PROMPT = { prompt: 'In one sentence: what does a semaphore protect?' };

const scenario = (calls: number): Scenario => ({
  name: 'bench',
  durationMs: 600_000,
  maxCalls: calls,
  load: { kind: 'closed', sessions: sockets },
  mix: [{ tool: 'chat', weight: 100, deadlineMs: 60_000 }],
});

/** A first part from a cold start, whose total CPU is told, and a second one that shows the marginal cost. */
async function measure(work: (calls: number) => Promise<number>): Promise<void> {
  await work(first);
  const cpu = process.cpuUsage();
  const started = performance.now();
  const done = await work(count);
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  process.stdout.write(`${JSON.stringify({ done, ms, cpuUs: user + system, totalCpuUs: cpu.user + cpu.system })}\n`);
}

/** The library as it is published. */
async function ours(): Promise<void> {
  const { http, runScenario, ws } = (await import(library)) as typeof import('../src/index.ts');
  const driver = (): Driver => (kind === 'ours-http' ? http({ url, connections: sockets }) : ws({ url }));
  await measure(async (calls) => {
    const result = await runScenario(scenario(calls), { driver: driver(), maxStallMs: 60_000 });
    if (result.totals.outcomes.ok !== calls) throw new Error(`${calls - result.totals.outcomes.ok} calls failed`);
    return calls;
  });
}

/** What anybody would write by hand: the same frames, the reply parsed, the next one sent. */
async function bareWs(calls: number): Promise<number> {
  const { WebSocket } = await import('ws');
  let sent = 0;
  let done = 0;
  await Promise.all(
    Array.from(
      { length: sockets },
      () =>
        new Promise<void>((resolve) => {
          const socket = new WebSocket(url, 'exai.v1', { perMessageDeflate: false });
          const next = (): void => {
            if (sent >= calls) {
              socket.close();
              resolve();
              return;
            }
            sent += 1;
            socket.send(
              JSON.stringify({
                type: 'call',
                id: `c${sent}`,
                tool: 'chat',
                arguments: PROMPT,
                deadlineMs: 60_000,
                stream: true,
              }),
            );
          };
          socket.on('open', next);
          socket.on('message', (data: Buffer) => {
            const frame = JSON.parse(data.toString()) as { type: string };
            if (frame.type === 'result') done += 1;
            next();
          });
        }),
    ),
  );
  return done;
}

/** The part of autocannon's interface that is used here. */
type Autocannon = (options: {
  url: string;
  connections: number;
  amount: number;
  method: 'POST';
  headers: Record<string, string>;
  body: string;
}) => PromiseLike<{ '2xx': number }>;

async function autocannon(calls: number): Promise<number> {
  const { default: run } = (await import(library)) as { default: Autocannon };
  const result = await run({
    url,
    connections: sockets,
    amount: calls,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tool: 'chat', arguments: PROMPT, session: '1' }),
  });
  return result['2xx'];
}

if (kind === 'bare-ws') await measure(bareWs);
else if (kind === 'autocannon') await measure(autocannon);
else await ours();
process.exit();
