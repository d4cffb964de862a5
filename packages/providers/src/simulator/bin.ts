#!/usr/bin/env node
import { parseArgs } from 'node:util';

import { createSimulator, type SimulatorOptions } from './index.ts';

const HELP = `exai-simulator: a GLM and a Kimi on a local port, for tests and trials.

  --port <n>          port to listen on (default 8089; 0 takes a free one)
  --host <address>    address to listen on (default 127.0.0.1)
  --seed <n>          equal seeds give equal answers, times and faults (default 1)
  --time-scale <x>    multiplies every time, 0.01 is a hundred times faster (default 1)
  --limits <list>     calls at one time per account (default glm=2,kimi=3)
  --help              this text

Any API key is accepted. A request may set its own length: "simulate": {"serviceMs": 1500}.
GET /__simulator shows what was seen, POST /__simulator/reset forgets it,
POST /__simulator/faults {"hangShare": 0.01, "errorShare": 0.05, "slowdown": 2} makes things go wrong.
`;

/** Reads the command line, or throws a RangeError that says what is wrong with it. */
function readArguments(args: string[]): SimulatorOptions & { readonly help: boolean } {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', default: '8089' },
      host: { type: 'string', default: '127.0.0.1' },
      seed: { type: 'string', default: '1' },
      'time-scale': { type: 'string', default: '1' },
      limits: { type: 'string', default: 'glm=2,kimi=3' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    help: values.help,
    port: number('--port', values.port, 0, 65_535),
    host: values.host,
    seed: number('--seed', values.seed, 0, 0xffff_ffff),
    timeScale: number('--time-scale', values['time-scale'], Number.MIN_VALUE, Number.MAX_VALUE),
    limits: limits(values.limits),
  };
}

function limits(list: string): { glm?: number; kimi?: number } {
  const read: { glm?: number; kimi?: number } = {};
  for (const entry of list.split(',').filter((part) => part.trim() !== '')) {
    const [name = '', value = ''] = entry.split('=').map((part) => part.trim());
    if (name !== 'glm' && name !== 'kimi') throw new RangeError(`--limits knows glm and kimi, got ${name}`);
    read[name] = number(`--limits ${name}`, value, 1, Number.MAX_SAFE_INTEGER);
  }
  return read;
}

function number(name: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= least && value <= most)) {
    throw new RangeError(`${name} must be a number from ${least} to ${most}, got ${JSON.stringify(text)}`);
  }
  return value;
}

async function main(): Promise<void> {
  const { help, ...options } = readArguments(process.argv.slice(2));
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const simulator = await createSimulator(options);
  process.stdout.write(
    `GLM   ${simulator.glm.baseURL}\nKimi  ${simulator.kimi.baseURL}\nLog   ${simulator.url}/__simulator\n\n` +
      `createGLM({ baseURL: '${simulator.glm.baseURL}', apiKey: 'any' })\nCtrl-C ends it.\n`,
  );
  const stop = (): void => {
    void simulator.close().then(() => process.exit(0));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`exai-simulator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
