import { defineConfig } from 'tsup';

import { library } from '../../tsup.base.ts';

export default defineConfig(
  library(
    {
      index: 'src/index.ts',
      protocol: 'src/protocol/index.ts',
      client: 'src/client/index.ts',
      bin: 'src/bin.ts',
    },
    { platform: 'node' },
  ),
);
