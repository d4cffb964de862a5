import type { Code } from './code-blocks.ts';
import type { SeenFile } from './seen-file.ts';

/** A line worth pointing at: where something is defined, imported or called. */
export interface Landmark {
  readonly kind: 'defines' | 'imports' | 'calls' | 'branches';
  readonly file: string;
  readonly line: number;
  /** What is defined, imported, called, or decided on. */
  readonly name: string;
  readonly quote: string;
}

/** Finds definitions, imports, branches, and calls of what is defined in the files seen. */
export function findLandmarks(files: readonly Code[]): Landmark[] {
  const defined = new Set(files.flatMap(({ blocks }) => blocks.map((block) => block.name)));
  return files.flatMap(({ file, blocks, lines }) => [
    ...blocks.map((block) => mark('defines', file, block.first, block.name)),
    ...file.lines().flatMap(([line, text]) => importsOf(text).map((name) => mark('imports', file, line, name))),
    ...lines.flatMap(([line, code]) => [
      ...callsOf(code, defined).map((name) => mark('calls', file, line, name)),
      ...(/\b(?:if|throw|switch|catch)\b/.test(code) ? [mark('branches', file, line, code.trim())] : []),
    ]),
  ]);
}

/** The module names a line imports. */
export function importsOf(text: string): string[] {
  const match =
    /\bfrom\s+["'](?<from>[^"']+)["']|\brequire\(\s*["'](?<required>[^"']+)["']\)|^\s*import\s+["'](?<bare>[^"']+)["']/.exec(
      text,
    );
  return Object.values(match?.groups ?? {}).filter((name): name is string => name !== undefined);
}

function callsOf(code: string, defined: ReadonlySet<string>): string[] {
  if (/\bfunction\b/.test(code)) return [];
  const names = [...code.matchAll(/(?<name>[\w$]+)\s*\(/g)].map((match) => match.groups?.['name'] ?? '');
  return [...new Set(names)].filter((name) => defined.has(name) && !/\{\s*$/.test(code));
}

function mark(kind: Landmark['kind'], file: SeenFile, line: number, name: string): Landmark {
  return { kind, file: file.path, line, name, quote: (file.line(line) ?? '').trim() };
}
