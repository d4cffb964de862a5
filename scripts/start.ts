/** What `npm start` runs: the reference server, on simulated providers where no key is set. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { ConfigError, describeServer, loadConfig, serve, unknownVariables } from '@exai/server';

/** Without a key a simulated minute takes 0.6 s, so that a first look does not take minutes. */
const DEFAULT_TIME_SCALE = '0.01';
const examples = fileURLToPath(new URL('../examples/', import.meta.url));

process.exitCode = await start();
process.exit();

async function start(): Promise<number> {
  try {
    for (const name of unknownVariables(process.env))
      console.error(`${name} is not a variable of this server and is ignored`);
    const { faults } = readFlags();
    const config = loadConfig(
      { EXAI_SIM_TIME_SCALE: DEFAULT_TIME_SCALE, EXAI_ALLOWED_ROOTS: examples, ...withValue(process.env) },
      { faults },
    );
    return await serve(config, {
      onListening: (server) => {
        const { simulator } = server.models;
        const line = [
          `npm run load -- run baseline --url ${server.wsUrl}`,
          ...(server.authenticator.required ? ['--token $EXAI_WS_TOKEN'] : []),
          ...(simulator === undefined ? [] : [`--time-scale ${simulator.timeScale}`]),
          '--duration 20s',
        ].join(' ');
        const scale =
          process.env['EXAI_SIM_TIME_SCALE'] === undefined && simulator !== undefined
            ? `  simulated time runs at scale ${DEFAULT_TIME_SCALE}; EXAI_SIM_TIME_SCALE=1 gives real lengths`
            : undefined;
        console.log(
          [
            ...describeServer(server),
            ...(scale === undefined ? [] : [scale]),
            '',
            'Next, in another terminal:',
            `  ${line}`,
            '',
            'Ctrl-C ends the server.',
          ].join('\n'),
        );
      },
    });
  } catch (error) {
    console.error(ConfigError.is(error) ? error.message : error);
    return ConfigError.is(error) ? 2 : 1;
  }
}

/** `npm start -- --faults` opens `POST /admin/faults`; everything else is set by variables. */
function readFlags(): { faults: boolean } {
  try {
    return parseArgs({ options: { faults: { type: 'boolean', default: false } } }).values;
  } catch (cause) {
    throw new ConfigError('npm start', 'takes no other flag than --faults', process.argv.slice(2).join(' '), { cause });
  }
}

/** An empty variable counts as not set, and must not hide a default. */
function withValue(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''));
}
