// Writes the reference of every entry of every package as a static site to reports/api, and checks that no link in it is dead.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { Application } from 'typedoc';

const out = resolve('reports/api');
const entryPoints = readdirSync('packages').flatMap((name) => {
  const { exports } = JSON.parse(readFileSync(join('packages', name, 'package.json'), 'utf8'));
  const sources = Object.values(exports).map((target) => target['@exai/source']);
  return sources.filter((source) => source !== undefined).map((source) => join('packages', name, source));
});
mkdirSync(out, { recursive: true });
const tsconfig = join(out, '..', 'api-tsconfig.json');
writeFileSync(
  tsconfig,
  JSON.stringify({ extends: '../tsconfig.base.json', files: entryPoints.map((path) => resolve(path)) }),
);

const app = await Application.bootstrapWithPlugins({
  entryPoints,
  tsconfig,
  name: 'EXAI for TypeScript',
  readme: 'README.md',
  excludePrivate: true,
  excludeInternal: true,
  disableSources: true,
  skipErrorChecking: true,
  validation: { invalidLink: true, notExported: false, notDocumented: false },
  logLevel: 'Warn',
});
const project = await app.convert();
if (project === undefined) process.exit(1);
app.validate(project);
await app.generateDocs(project, out);

const pages = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
const dead = pages.flatMap((page) => deadLinksOf(join(out, page)));
for (const link of new Set(dead)) console.error(`dead link: ${link}`);
console.log(`${pages.length} pages in ${relative('.', out)}, ${dead.length} dead links`);
process.exit(dead.length > 0 || app.logger.hasErrors() ? 1 : 0);

/** Links of a page to a file or a place that is not there. */
function deadLinksOf(page) {
  const html = readFileSync(page, 'utf8');
  return [...html.matchAll(/\shref="(?!https?:|mailto:|data:)([^"]+)"/g)]
    .map(([, link]) => link)
    .filter((link) => !isThere(page, html, link))
    .map((link) => `${relative(out, page)} -> ${link}`);
}

function isThere(page, html, link) {
  const [path, id] = link.split('#');
  const target = path === '' ? page : resolve(dirname(page), decodeURIComponent(path));
  if (!existsSync(target)) return false;
  if (id === undefined || id === '' || !target.endsWith('.html')) return true;
  return (path === '' ? html : readFileSync(target, 'utf8')).includes(`id="${decodeURIComponent(id)}"`);
}
