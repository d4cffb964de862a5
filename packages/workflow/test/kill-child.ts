import { join } from 'node:path';

import { createEngine, fileStore, type WorkflowStore } from '../src/index.ts';
import { fileNotes, tenStepModel, tenSteps } from './ten-steps.ts';

/** Runs ten steps on a fileStore and kills itself, without any farewell, once the given number of records is durable. */
const [dir = '', limit = '0'] = process.argv.slice(2);
const note = fileNotes(join(dir, 'notes'));
const inner = fileStore(join(dir, 'store'));
let written = 0;
const store: WorkflowStore = {
  ...inner,
  append: async (id, expected, records, lease) => {
    const seq = await inner.append(id, expected, records, lease);
    if (id === 'run') written += records.length;
    if (id === 'run' && written >= Number(limit)) process.kill(process.pid, 'SIGKILL');
    return seq;
  },
};
const engine = createEngine({ model: tenStepModel(note), store });
await engine.start(tenSteps(note), { prompt: 'go' }, { runId: 'run' }).result;
await engine.close();
