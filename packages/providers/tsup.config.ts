import { defineConfig } from 'tsup';

import { library } from '../../tsup.base.ts';

export default defineConfig(
  library({
    index: 'src/index.ts',
    timeouts: 'src/timeouts/index.ts',
    simulator: 'src/simulator/index.ts',
    'ai-sdk': 'src/ai-sdk/index.ts',
    'simulator-bin': 'src/simulator/bin.ts',
  }),
);
