// Compares the public surface of each entry of each package (from its built declarations) with the report in git; `--write` updates the reports.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const isWrite = process.argv.includes('--write');
let changed = 0;

/** The entries of a package: `semaphore` for `.`, `semaphore-compat` for `./compat`. */
const entries = readdirSync('packages').flatMap((folder) => {
  const { exports } = JSON.parse(readFileSync(join('packages', folder, 'package.json'), 'utf8'));
  return Object.entries(exports)
    .filter(([, target]) => typeof target !== 'string')
    .map(([path, { types }]) => ({
      folder,
      types,
      name: path === '.' ? folder : `${folder}-${path.slice('./'.length)}`,
    }));
});

for (const { folder, types, name } of entries) {
  const projectFolder = resolve('packages', folder);
  const entry = join(projectFolder, types);
  if (!existsSync(entry)) {
    console.error(`packages/${folder} is not built: run \`npm run build\` first`);
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
  console.log(
    `${isChanged ? (isWrite ? 'written  ' : 'CHANGED  ') : 'unchanged'} packages/${folder}/api/${name}.api.md`,
  );
}
process.exit(changed > 0 && !isWrite ? 1 : 0);
