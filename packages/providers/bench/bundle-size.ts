import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const require = createRequire(import.meta.url);

interface Bundler {
  build(options: Record<string, unknown>): Promise<{ outputFiles: { text: string; contents: Uint8Array }[] }>;
}

/** What an application that uses both providers ships. */
export interface Bundle {
  readonly kbGzip: number;
  /** Packages it still imports, by a static or a literal dynamic import. */
  readonly imports: readonly string[];
}

const BOTH = "export { createGLM, createKimi } from './src/index.ts';";

/** Bundles a module, by default `createGLM` and `createKimi`, for a browser, minified, with its dependencies. */
export async function measureBundle(contents: string = BOTH): Promise<Bundle> {
  // The bundler of the build; it is no dependency of its own here.
  const { build }: Bundler = createRequire(require.resolve('tsup/package.json'))('esbuild');
  const { outputFiles } = await build({
    stdin: {
      contents,
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
      loader: 'ts',
    },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    treeShaking: true,
    external: ['ai', 'undici', '@ai-sdk/*', 'node:*'],
    write: false,
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error('the bundler gave nothing');
  const imports = [...file.text.matchAll(/\bfrom\s*"([^"]+)"|\bimport\s*\(?\s*"([^"]+)"/g)].map(
    (found) => found[1] ?? found[2] ?? '',
  );
  return { kbGzip: gzipSync(file.contents).length / 1024, imports };
}
