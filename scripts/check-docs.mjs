// Type-checks every TypeScript block of every page, each on its own: what a reader copies must compile.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { blocksOf, pages } from './pages.mjs';

const folder = 'reports/docs-snippets';
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

let count = 0;
for (const page of pages) {
  for (const { code, line } of blocksOf(page, ['ts', 'typescript'])) {
    count += 1;
    const place = join(folder, dirname(page));
    mkdirSync(place, { recursive: true });
    // The page of a package may import what that package has installed.
    const installed = resolve(dirname(page), 'node_modules');
    if (existsSync(installed) && !existsSync(join(place, 'node_modules')))
      symlinkSync(installed, join(place, 'node_modules'));
    writeFileSync(join(place, `${basename(page, '.md')}-line-${line}.mts`), `${code}\nexport {};\n`);
  }
}
writeFileSync(
  join(folder, 'tsconfig.json'),
  JSON.stringify({
    extends: '../../tsconfig.base.json',
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, typeRoots: ['../../node_modules/@types'] },
    include: ['**/*.mts'],
    exclude: ['**/node_modules/**'],
  }),
);
const { status } = spawnSync('node_modules/.bin/tsc', ['-p', folder], { stdio: 'inherit' });
console.log(`${count} blocks of ${pages.length} pages`);
process.exit(status ?? 1);
