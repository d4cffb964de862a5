// Lists the licence of everything an installed package of ours brings along, in docs/licences.md: `--write` updates that page.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Licences that allow use in MIT and in closed software, on no other condition than that their text is kept. */
const COMPATIBLE = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC0-1.0',
]);
const PAGE = 'docs/licences.md';

const listed = JSON.parse(
  execFileSync('node_modules/.bin/pnpm', ['licenses', 'list', '--prod', '--json'], { encoding: 'utf8' }),
);
const rows = Object.entries(listed)
  .flatMap(([licence, packages]) => packages.map(({ name, versions }) => ({ name, licence, versions })))
  .toSorted((a, b) => (a.name < b.name ? -1 : 1));

const page = `# Licences

All six packages are MIT licensed. An install of any of them brings some of these along, all of which may be used in open and in closed software.
Optional peers are yours to install and are not listed. uPlot (MIT) is part of the server's page, with its licence beside it.
\`node scripts/licences.mjs --write\` writes this page, and \`npm run check licences\` fails when it is out of date or a licence is not compatible.

| package | version | licence | needed by |
|---|---|---|---|
${rows.map(({ name, versions, licence }) => `| ${name} | ${versions.join(', ')} | ${licence} | ${neededBy(name)} |`).join('\n')}
`;

const refused = rows.filter(({ licence }) => !COMPATIBLE.has(licence));
for (const { name, licence } of refused)
  console.error(`${name} is licensed as ${licence}, which is not known to be compatible`);
if (process.argv.includes('--write')) writeFileSync(PAGE, page);
const isCurrent = readFileSync(PAGE, 'utf8') === page;
if (!isCurrent) console.error(`${PAGE} is out of date`);
console.log(`${rows.length} packages, ${new Set(rows.map(({ licence }) => licence)).size} licences`);
process.exit(refused.length > 0 || !isCurrent ? 1 : 0);

/** Which of ours name it; the others come with one that does. */
function neededBy(name) {
  const ours = readdirSync('packages').filter((folder) => {
    const { dependencies = {} } = JSON.parse(readFileSync(join('packages', folder, 'package.json'), 'utf8'));
    return name in dependencies;
  });
  return ours.length > 0 ? ours.join(', ') : 'one of these';
}
