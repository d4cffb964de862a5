// Writes the JSON schemas that this package publishes: `node --conditions=@exai/source --import tsx scripts/write-schema.ts`.
import { writeFileSync } from 'node:fs';

import { REPORT_SCHEMA, SCENARIO_SCHEMA } from '../src/index.ts';

const files = { 'scenario.schema.json': SCENARIO_SCHEMA, 'report.schema.json': REPORT_SCHEMA };
for (const [name, schema] of Object.entries(files)) {
  writeFileSync(new URL(`../schema/${name}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
