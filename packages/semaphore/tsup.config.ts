import { defineConfig } from 'tsup';

import { library } from '../../tsup.base.ts';

export default defineConfig(
  library({
    index: 'src/index.ts',
    compat: 'src/compat/index.ts',
    redis: 'src/redis/index.ts',
  }),
);
