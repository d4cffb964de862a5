// Compares each package's public surface (from its built declarations) with the report in git; `--write` updates the reports.
import { mkdtempSync, existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const PACKAGES = ['semaphore', 'providers', 'workflow', 'metrics', 'server', 'loadtest'];
const isWrite = process.argv.includes('--write');
let changed = 0;

for (const name of PACKAGES) {
  const projectFolder = resolve('packages', name);
  const entry = join(projectFolder, 'dist', 'index.d.ts');
  if (!existsSync(entry)) {
    console.error(`packages/${name} is not built: run \`npm run build\` first`);
    process.exit(2);
  }
  const reportFolder = join(projectFolder, 'api');
  mkdirSync(reportFolder, { recursive: true });
  const silent = { default: { logLevel: 'none', addToApiReportFile: false } };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder,
      mainEntryPointFilePath: entry,
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          extends: resolve('tsconfig.base.json'),
          compilerOptions: { customConditions: [], typeRoots: [resolve('node_modules/@types')] },
          files: [entry],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder,
        reportTempFolder: mkdtempSync(join(tmpdir(), 'exai-api-')),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { compilerMessageReporting: silent, extractorMessageReporting: silent, tsdocMessageReporting: silent },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(projectFolder, 'package.json'),
  });
  const result = Extractor.invoke(config, {
    localBuild: isWrite,
    messageCallback: (message) => (message.handled = true),
  });
  const isChanged = result.apiReportChanged;
  if (isChanged) changed += 1;
  console.log(`${isChanged ? (isWrite ? 'written  ' : 'CHANGED  ') : 'unchanged'} packages/${name}/api/${name}.api.md`);
}
process.exit(changed > 0 && !isWrite ? 1 : 0);
