import type { SeenFile } from './seen-file.ts';

/** Number and code of a line: comments and the contents of strings are blanked. */
export type CodeLine = readonly [number: number, code: string];

/** A file as code. */
export interface Code {
  readonly file: SeenFile;
  readonly lines: readonly CodeLine[];
  /** Its functions, outer ones before inner ones. */
  readonly blocks: readonly CodeBlock[];
}

/** A function found in a file by its braces. */
export interface CodeBlock {
  readonly name: string;
  readonly isAsync: boolean;
  readonly first: number;
  readonly last: number;
  readonly lines: readonly CodeLine[];
}

const NOT_FUNCTIONS = new Set(['if', 'for', 'while', 'switch', 'catch', 'return', 'function', 'else', 'with']);

const HEADS: readonly RegExp[] = [
  /(?<async>async\s+)?function\s*\*?\s*(?<name>[\w$]+)\s*\(/,
  /(?:const|let|var)\s+(?<name>[\w$]+)\s*=\s*(?<async>async\s*)?(?:\([^)]*\)|[\w$]+)\s*=>\s*\{/,
  /^\s*(?:export\s+|static\s+|public\s+|private\s+|get\s+|set\s+)*(?<async>async\s+)?#?(?<name>[\w$]+)\s*\([^;]*\)[^;]*\{\s*$/,
];

/** Reads a file as code. A function whose end was not seen reaches to the last line seen. */
export function readCode(file: SeenFile): Code {
  const lines = codeLines(file);
  const blocks = lines.flatMap(([number, code], index) => {
    const head = headOf(code);
    if (head === undefined) return [];
    const body = bodyFrom(lines, index);
    return [{ ...head, first: number, last: body.at(-1)?.[0] ?? number, lines: body }];
  });
  return { file, lines, blocks };
}

function codeLines(file: SeenFile): CodeLine[] {
  let inComment = false;
  return file.lines().map(([number, text]) => {
    let code = text;
    if (inComment) {
      const end = code.indexOf('*/');
      inComment = end === -1;
      code = end === -1 ? '' : code.slice(end + 2);
    }
    code = blank(code);
    const start = code.indexOf('/*');
    if (start !== -1) {
      inComment = !code.includes('*/', start);
      code = code.slice(0, start);
    }
    return [number, code] as const;
  });
}

function blank(text: string): string {
  return text
    .replaceAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, "''")
    .replaceAll(/`[^`]*`/g, '``')
    .replaceAll(/(?<=[=(,!&|?:[]\s*)\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\]|\\.)*\])+\/[a-z]*/g, '0')
    .replace(/(^|[^:])\/\/.*$/, '$1')
    .replaceAll(/\/\*.*?\*\//g, '')
    .replace(/^\s*\*\s.*$/, '');
}

function headOf(code: string): { name: string; isAsync: boolean } | undefined {
  for (const head of HEADS) {
    const groups = head.exec(code)?.groups;
    const name = groups?.['name'];
    if (name !== undefined && !NOT_FUNCTIONS.has(name)) return { name, isAsync: groups?.['async'] !== undefined };
  }
  return undefined;
}

function bodyFrom(lines: readonly CodeLine[], start: number): CodeLine[] {
  const body: CodeLine[] = [];
  let depth = 0;
  let isOpen = false;
  for (const line of lines.slice(start)) {
    body.push(line);
    const code = isOpen ? line[1] : withoutParameters(line[1]);
    for (const character of code) {
      if (character === '{') {
        depth += 1;
        isOpen = true;
      } else if (character === '}') depth -= 1;
      if (isOpen && depth <= 0) return body;
    }
  }
  return body;
}

/** Braces in a parameter list (`{ a, b } = {}`) open no body. */
function withoutParameters(code: string): string {
  const open = code.indexOf('(');
  if (open === -1) return code;
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    if (code[at] === '(') depth += 1;
    else if (code[at] === ')') depth -= 1;
    if (depth === 0) return code.slice(0, open) + code.slice(at + 1);
  }
  return code.slice(0, open);
}
