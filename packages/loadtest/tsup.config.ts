import { defineConfig } from 'tsup';

import { library } from '../../tsup.base.ts';

export default defineConfig(
  library(
    {
      index: 'src/index.ts',
      bin: 'src/bin.ts',
    },
    {
      platform: 'node',
      // The protocol's constants are copied in, so that installing a load tester does not install a server.
      noExternal: ['@exai/server/protocol'],
      dts: { resolve: ['@exai/server/protocol'] },
    },
  ),
);
