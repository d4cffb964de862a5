/** Runs the deployment until the second region is on its way, and is killed there, as by a power cut. */
import { fileStore } from '@exai/workflow';

import { createDeployment } from './deployment.ts';

const { engine, deploy } = await createDeployment({
  store: fileStore(process.argv[2] ?? ''),
  say: (line) => {
    console.log(line);
    if (line.startsWith('deploys us')) process.kill(process.pid, 'SIGKILL');
  },
});
await engine.start(deploy, { prompt: 'Deploy three regions' }, { runId: 'deploy-42' }).result;
