import { defineConfig } from 'tsup';

import { library } from '../../tsup.base.ts';

export default defineConfig(
  library({
    index: 'src/index.ts',
    testing: 'src/testing/index.ts',
    postgres: 'src/postgres/index.ts',
    dbos: 'src/dbos/index.ts',
  }),
);
