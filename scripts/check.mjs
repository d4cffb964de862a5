// Runs every gate, prints one line each, and says what to do about a failure. `node scripts/check.mjs lint format` runs some.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const packages = readdirSync('packages').map((name) => `packages/${name}`);

const gates = {
  format: { run: [['oxfmt', '--check']], hint: 'run `npm run format`' },
  lint: {
    run: [['oxlint', '--type-aware', '--deny-warnings', 'packages', 'scripts', 'examples', 'test']],
    hint: 'fix what it names; a suppression needs its reason in place',
  },
  types: {
    run: [['tsc', '-p', '.'], ...packages.map((path) => ['tsc', '-p', path])],
    hint: 'run `npm run typecheck`; every export of a leaf states its type',
  },
  boundaries: {
    run: [['depcruise', '--config', '.dependency-cruiser.cjs', 'packages']],
    hint: 'see docs/architecture.md, "Who may import whom"',
  },
  build: {
    run: [['node', 'scripts/build.mjs']],
    hint: 'run `npx tsup` in the package it names',
  },
  api: {
    run: [['node', 'scripts/api-report.mjs']],
    hint: 'the public surface changed: if it is meant, run `npm run api` and commit the report',
  },
  packed: {
    run: [['node', 'scripts/check-packed.mjs']],
    hint: 'the package.json of the package it names promises a file or a type that the build does not make',
  },
  sizes: {
    run: [['node', 'scripts/sizes.mjs']],
    hint: 'something large is imported; `npx esbuild --analyze` tells what. A limit is raised in scripts/sizes.mjs, with the reason in the commit',
  },
  unused: {
    run: [['knip', '--no-progress']],
    hint: 'delete the file, export or dependency that nobody uses; a dependency only a program needs is named in knip.json',
  },
  docs: {
    run: [['node', 'scripts/check-docs.mjs']],
    hint: 'a code block of the page it names does not compile on its own: complete it',
  },
  licences: {
    run: [['node', 'scripts/licences.mjs']],
    hint: 'run `node scripts/licences.mjs --write`, and read what changed',
  },
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in gates));
if (unknown.length > 0) {
  console.error(`No gate is named ${unknown.join(', ')}. Gates: ${Object.keys(gates).join(', ')}`);
  process.exit(2);
}

const chosen = asked.length > 0 ? asked : Object.keys(gates);
let passed = 0;
const failed = [];
for (const name of chosen) {
  const started = Date.now();
  const broken = await firstFailure(gates[name].run);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${broken ? 'FAIL' : 'ok  '} ${name.padEnd(11)} ${seconds} s`);
  if (!broken) {
    passed += 1;
    continue;
  }
  failed.push(name);
  console.log(`${broken.command}\n${broken.output.trim()}\n  -> ${gates[name].hint}\n`);
}
console.log(`gates: ${passed} passed, ${failed.length} failed`);
process.exit(failed.length > 0 ? 1 : 0);

/** Runs commands, as many at once as there are processors, and returns the first that fails. */
async function firstFailure(commands) {
  const waiting = [...commands];
  let broken;
  const work = async () => {
    for (let command = waiting.shift(); command !== undefined && !broken; command = waiting.shift()) {
      const { status, output } = await run(command);
      if (status !== 0) broken ??= { command: command.join(' '), output };
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return broken;
}

function run([program, ...args]) {
  const path = program === 'node' ? process.execPath : `node_modules/.bin/${program}`;
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ status: 1, output: String(error) }));
    child.on('close', (status) => resolve({ status, output }));
  });
}
