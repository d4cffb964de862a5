import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { buildScript } from './build.ts';

/** A process under measurement. */
export interface Child {
  readonly url: string;
  ask(what?: string): Promise<any>;
  stop(): Promise<void>;
}

/** Starts a bench process and waits until it says where it listens. */
export async function startChild(
  script: string,
  config: unknown = {},
  nodeArgs: readonly string[] = [],
): Promise<Child> {
  const file = fileURLToPath(await buildScript(script));
  const child: ChildProcess = fork(file, [JSON.stringify(config)], {
    execArgv: ['--expose-gc', ...nodeArgs],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [{ url }] = await once(child, 'message');
  return {
    url,
    ask: async (what = 'stats') => {
      child.send(what);
      const [answer] = await once(child, 'message');
      return answer;
    },
    stop: async () => {
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
