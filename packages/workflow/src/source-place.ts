/** A source taken apart: `src/a.ts:3-9` is lines 3 to 9 of `src/a.ts`. */
export interface SourcePlace {
  readonly base: string;
  readonly first: number | undefined;
  readonly last: number | undefined;
}

const LINES = /^(?<base>.+?):(?<first>\d{1,7})(?:-(?<last>\d{1,7}))?(?::\d+)?$/;

/** Takes `file:line`, `file:first-last` and `file:line:column` apart; anything else is a base without lines. */
export function parseSource(source: string): SourcePlace {
  const text = source.trim().replace(/^\.\//, '');
  const groups = LINES.exec(text)?.groups;
  const base = groups?.['base'];
  if (base === undefined) return { base: text, first: undefined, last: undefined };
  const first = Number(groups?.['first']);
  return { base, first, last: Number(groups?.['last'] ?? first) };
}

/** Tells whether a cited place lies within an observed one. */
export function covers(observed: SourcePlace, cited: SourcePlace): boolean {
  if (observed.base !== cited.base) return false;
  if (observed.first === undefined || observed.last === undefined) return true;
  if (cited.first === undefined || cited.last === undefined) return true;
  return cited.first >= observed.first && cited.last <= observed.last;
}
