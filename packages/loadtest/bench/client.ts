// One client of the bench, in a process of its own: prints what it did and the CPU it took.
import { WebSocket } from 'ws';

import { http, runScenario, ws } from '../src/index.ts';
import type { Driver, Scenario } from '../src/index.ts';

const [kind = '', url = '', countText = '0', socketsText = '15'] = process.argv.slice(2);
const count = Number(countText);
const sockets = Number(socketsText);

const scenario = (calls: number): Scenario => ({
  name: 'bench',
  durationMs: 600_000,
  maxCalls: calls,
  load: { kind: 'closed', sessions: sockets },
  mix: [{ tool: 'chat', weight: 100, deadlineMs: 60_000 }],
});

async function measure(work: (calls: number) => Promise<number>): Promise<void> {
  await work(Math.min(2000, count));
  const cpu = process.cpuUsage();
  const started = performance.now();
  const done = await work(count);
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  const total = process.cpuUsage();
  process.stdout.write(
    `${JSON.stringify({ done, ms, cpuUs: user + system, totalCpuUs: total.user + total.system })}\n`,
  );
}

async function ours(driver: () => Driver): Promise<void> {
  await measure(async (calls) => {
    const result = await runScenario(scenario(calls), { driver: driver(), maxStallMs: 60_000 });
    if (result.totals.outcomes.ok !== calls) throw new Error(`${calls - result.totals.outcomes.ok} calls failed`);
    return calls;
  });
}

/** What anybody would write by hand: the same frames, the reply parsed, the next one sent. */
async function bareWs(calls: number): Promise<number> {
  let sent = 0;
  let done = 0;
  const args = { prompt: 'In one sentence: what does a semaphore protect?' };
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
                arguments: args,
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

if (kind === 'ours-ws') await ours(() => ws({ url }));
else if (kind === 'ours-http') await ours(() => http({ url, connections: sockets }));
else await measure(bareWs);
process.exit();
