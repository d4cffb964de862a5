// Publishes what changesets has versioned. Refuses what npm would refuse only after half of the packages are out.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const wrong = readdirSync('packages').flatMap((folder) => {
  const { name, version, repository, publishConfig } = JSON.parse(
    readFileSync(join('packages', folder, 'package.json'), 'utf8'),
  );
  return [
    [version === '0.0.0', 'has no version yet: run `npm run version` and commit'],
    [
      publishConfig?.access !== 'public' || publishConfig.provenance !== true,
      'does not ask for public access and provenance',
    ],
    // npm compares it with the repository the workflow runs in.
    [repository?.url === undefined, 'names no `repository` with `url` and `directory`, which provenance needs'],
  ]
    .filter(([isWrong]) => isWrong)
    .map(([, why]) => `${name} ${why}`);
});
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(2);
}
for (const words of [
  ['node', 'scripts/build.mjs'],
  ['node_modules/.bin/changeset', 'publish'],
]) {
  const [program, ...args] = words;
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
