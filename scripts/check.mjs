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

const chosen = Object.keys(gates).filter((name) => asked.length === 0 || asked.includes(name));
const broken = new Map();
// The others read what the build makes.
await runGates(chosen.filter((name) => name === 'build'));
await runGates(chosen.filter((name) => name !== 'build'));
console.log(`gates: ${chosen.length - broken.size} passed, ${broken.size} failed`);
process.exit(broken.size > 0 ? 1 : 0);

/** Runs the commands of gates, as many at once as there are processors, and tells of each gate when its last one has ended. */
async function runGates(names) {
  const started = Date.now();
  const left = new Map(names.map((name) => [name, gates[name].run.length]));
  const waiting = names.flatMap((name) => gates[name].run.map((command) => ({ name, command })));
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { name, command } = next;
      const { status, output } = await run(command);
      if (status !== 0 && !broken.has(name)) broken.set(name, { command: command.join(' '), output });
      left.set(name, left.get(name) - 1);
      if (left.get(name) === 0) tell(name, Date.now() - started);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

function tell(name, ms) {
  const failure = broken.get(name);
  console.log(`${failure ? 'FAIL' : 'ok  '} ${name.padEnd(11)} after ${(ms / 1000).toFixed(1)} s`);
  if (failure) console.log(`${failure.command}\n${failure.output.trim()}\n  -> ${gates[name].hint}\n`);
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
