import { mkdir } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { build } from 'esbuild';

const PACKAGE = new URL('../', import.meta.url);
const built = new Map<string, Promise<string>>();

/** A bench process as users run the server: built by esbuild, with the target of the published package. Once per script. */
export function buildScript(script: string): Promise<string> {
  const known = built.get(script) ?? bundle(script);
  built.set(script, known);
  return known;
}

async function bundle(script: string): Promise<string> {
  const outfile = fileURLToPath(new URL(`node_modules/.bench/${script.replace(/ts$/, 'mjs')}`, PACKAGE));
  await mkdir(new URL('node_modules/.bench/', PACKAGE), { recursive: true });
  await build({
    entryPoints: [fileURLToPath(new URL(`bench/${script}`, PACKAGE))],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    conditions: ['@exai/source'],
    sourcemap: 'linked',
    logLevel: 'error',
    // The package finds its page and version beside `dist/`.
    define: { 'import.meta.url': JSON.stringify(new URL('dist/index.js', PACKAGE).href) },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(process.argv[1]);" },
  });
  return pathToFileURL(outfile).href;
}
