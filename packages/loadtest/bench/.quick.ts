import { fork, execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
const here = (n: string) => fileURLToPath(new URL(n, import.meta.url));
const child = fork(here('peer-server.ts'), [], {
  execArgv: ['--conditions=@exai/source', '--import', 'tsx'],
  stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
});
const info: any = await new Promise((r) => child.stdout!.once('data', (d) => r(JSON.parse(String(d)))));
const client = (k: string, url: string, n: number) =>
  JSON.parse(
    execFileSync(
      process.execPath,
      ['--conditions=@exai/source', '--import', 'tsx', here('client.ts'), k, url, String(n), '15'],
      { encoding: 'utf8' },
    ),
  );
const cannon = (n: number) => {
  const o = spawnSync(
    'bash',
    [
      '-c',
      'TIMEFORMAT="CPU %U %S"; time "$0" "$@"',
      process.execPath,
      '/work/main/bench-peers/loadtest/node_modules/autocannon/autocannon.js',
      '-c',
      '15',
      '-a',
      String(n),
      '-m',
      'POST',
      '-H',
      'content-type=application/json',
      '-b',
      JSON.stringify({
        tool: 'chat',
        arguments: { prompt: 'In one sentence: what does a semaphore protect?' },
        session: '1',
      }),
      '-n',
      `http://127.0.0.1:${info.port}/call`,
    ],
    { encoding: 'utf8' },
  );
  const m = /CPU ([\d.]+) ([\d.]+)/.exec(o.stderr)!;
  return Number(m[1]) + Number(m[2]);
};
for (let i = 0; i < 2; i++) {
  const o = client('ours-http', `http://127.0.0.1:${info.port}/call`, 15000);
  const c = ((cannon(17000) - cannon(2000)) * 1e6) / 15000;
  console.log(
    'http ours',
    (o.cpuUs / o.done).toFixed(1),
    'autocannon',
    c.toFixed(1),
    'ratio',
    (o.cpuUs / o.done / c).toFixed(2),
  );
  const w = client('ours-ws', `ws://127.0.0.1:${info.port}/ws`, 20000);
  const b = client('bare-ws', `ws://127.0.0.1:${info.port}/ws`, 20000);
  console.log(
    'ws ours',
    (w.cpuUs / w.done).toFixed(1),
    'bare',
    (b.cpuUs / b.done).toFixed(1),
    'rate ratio',
    (w.done / w.ms / (b.done / b.ms)).toFixed(2),
    'total',
    w.totalCpuUs / 1e6,
  );
}
child.disconnect();
process.exit();
