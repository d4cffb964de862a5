// Asks the registry whether anything that an install of our packages brings along has a known vulnerability.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const manifests = readdirSync('packages').map((name) =>
  JSON.parse(readFileSync(join('packages', name, 'package.json'), 'utf8')),
);
const theirs = manifests.flatMap(({ dependencies = {} }) =>
  Object.entries(dependencies).filter(([name]) => !name.startsWith('@exai/')),
);
const home = mkdtempSync(join(tmpdir(), 'exai-audit-'));
writeFileSync(join(home, 'package.json'), JSON.stringify({ private: true, dependencies: Object.fromEntries(theirs) }));
npm('install', '--package-lock-only', '--no-fund', '--no-audit', '--loglevel=error');
const { stdout } = npm('audit', '--json');
rmSync(home, { recursive: true, force: true });

const report = JSON.parse(stdout || '{}');
if (report.metadata === undefined) {
  console.error(`the registry answered no audit: ${report.message ?? report.error?.summary ?? 'no reason given'}`);
  process.exit(3);
}
const { total, ...bySeverity } = report.metadata.vulnerabilities;
console.log(
  `${report.metadata.dependencies.prod} packages, ${total} known vulnerabilities`,
  total > 0 ? bySeverity : '',
);
for (const name of Object.keys(report.vulnerabilities))
  console.log(`  ${name}: ${report.vulnerabilities[name].severity}`);
process.exit(total > 0 ? 1 : 0);

function npm(...words) {
  return spawnSync('npm', words, { cwd: home, encoding: 'utf8' });
}
