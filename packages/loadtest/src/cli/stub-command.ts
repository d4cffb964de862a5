import { Option, type Command } from 'commander';

import { createStubServer } from '../stub-server.ts';
import { STUB_MODES, type StubMode } from '../stub-mode.ts';
import { parseCount, parseFactor, parseTime } from './parse-flag.ts';
import type { CliIo } from './io.ts';

interface StubFlags {
  port?: number;
  timeScale: number;
  permits: number;
  session: number;
  glm: number;
  kimi: number;
  service: number;
  mode: StubMode;
}

/** Adds `stub` to the command line: a target to try things on. */
export function addStubCommand(program: Command, io: CliIo): void {
  program
    .command('stub')
    .description('run a small tool server to test against, until Ctrl-C')
    .option('--port <port>', 'port on 127.0.0.1 (default: any free one)', parseCount)
    .option('--time-scale <factor>', 'time scale it says it simulates', parseFactor, 1)
    .option('--permits <count>', 'global permits', parseCount, 5)
    .option('--session <count>', 'permits of one session', parseCount, 2)
    .option('--glm <count>', 'permits of GLM', parseCount, 2)
    .option('--kimi <count>', 'permits of Kimi', parseCount, 3)
    .option('--service <time>', 'service time of calls that ask for none', parseTime, 20)
    .addOption(new Option('--mode <mode>', 'how it misbehaves').choices(STUB_MODES).default('none'))
    .action(async ({ port, timeScale, permits, session, glm, kimi, service, mode }: StubFlags) => {
      const stub = await createStubServer({
        ...(port !== undefined && { port }),
        timeScale,
        mode,
        serviceMs: service,
        limits: { global: permits, session, providers: { glm, kimi } },
      });
      io.out(`stub       ${stub.url}  (metrics ${stub.httpUrl}/metrics)`);
      io.out(`try        exai-loadtest run baseline --url ${stub.url} --time-scale ${timeScale} --duration 10s`);
      await new Promise<void>((resolve) => {
        const stop = io.onInterrupt(() => {
          stop();
          resolve();
        });
      });
      await stub.close();
    });
}
