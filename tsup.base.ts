import type { Options } from 'tsup';

/** The one build recipe: ESM only, one copy of every class across entries, declarations beside the code. */
export function library(entry: Record<string, string>, extra: Options = {}): Options {
  return {
    entry,
    format: 'esm',
    target: 'node20',
    platform: 'neutral',
    dts: true,
    sourcemap: true,
    splitting: true,
    treeshake: true,
    clean: true,
    ...extra,
    esbuildOptions(options, context) {
      options.conditions = ['@exai/source'];
      extra.esbuildOptions?.(options, context);
    },
  };
}
