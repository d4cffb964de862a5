import type { Code, CodeBlock, CodeLine } from './code-blocks.ts';
import type { SeenFile } from './seen-file.ts';
import type { Suspect } from './suspect.ts';

/**
 * Looks for mistakes that show in the code itself: a permit or lock that a way out does not give back, a missing
 * `await`, an assignment in a condition, a loop one step too long, a comparison the wrong way round, a swallowed error.
 */
export function findBugs(files: readonly Code[]): Suspect[] {
  const asyncNames = new Set(
    files.flatMap(({ blocks }) => blocks.flatMap((block) => (block.isAsync ? [block.name] : []))),
  );
  return files.flatMap((code) => {
    const { file, blocks, lines } = code;
    const known = new Set([...asyncNames].filter((name) => isKnownHere(code, name)));
    return [
      ...blocks.flatMap((block) => unreleased(file, block)),
      ...blocks.flatMap((block) => inverted(file, block)),
      ...lines.flatMap((line) => [
        ...assignmentInCondition(file, line),
        ...offByOne(file, line),
        ...missingAwait(file, line, known),
        ...swallowed(file, line),
      ]),
    ];
  });
}

const TAKE = /\b(?<owner>[\w$.#]+)\.(?<verb>acquire|lock|take|checkout|obtain|borrow)\s*\(/;
const GIVE = /\.(?:release|unlock|giveBack|checkin|free|dispose|return_?)\s*\(|\brelease\s*\(/;

/** A way out of a function between taking a permit and giving it back. */
function unreleased(file: SeenFile, block: CodeBlock): Suspect[] {
  const takenAt = block.lines.findIndex(([, code]) => TAKE.test(code) && !/\busing\b/.test(code));
  const taken = block.lines[takenAt];
  if (taken === undefined || isOuter(block, takenAt)) return [];
  const after = block.lines.slice(takenAt + 1);
  if (after.some(([, code]) => /\bfinally\b/.test(code))) return [];
  const given = after.findIndex(([, code]) => GIVE.test(code));
  if (given === -1 && !GIVE.test(block.lines.map(([, code]) => code).join('\n'))) return [];
  const way = after.slice(0, given === -1 ? undefined : given);
  const exit =
    way.find(([, code]) => /\b(?:return|throw)\b/.test(code)) ?? way.find(([, code]) => /\bawait\b/.test(code));
  if (exit === undefined) return [];
  const isEarly = /\b(?:return|throw)\b/.test(exit[1]);
  const what = TAKE.exec(taken[1])?.groups;
  const owner = what?.['owner'] ?? 'it';
  return [
    {
      ...at(file, exit),
      kind: isEarly ? 'not given back on an early way out' : 'not given back after an error',
      severity: 'high',
      problem:
        `${owner}.${what?.['verb'] ?? 'acquire'}() at line ${taken[0]} is given back only further down; ` +
        (isEarly
          ? 'this way out leaves before that, so each time it is taken one permit is lost, until nobody gets one.'
          : 'when this await rejects, that line is never reached and one permit is lost.'),
      fix: `Give it back in a finally block that covers every way out after line ${taken[0]}.`,
      related: [
        `${file.path}:${taken[0]}`,
        ...after.slice(given, given + 1).map(([number]) => `${file.path}:${number}`),
      ],
      weight: isEarly ? 0.95 : 0.6,
    },
  ];
}

/** True when the line belongs to a function inside this one, which is looked at by itself. */
function isOuter(block: CodeBlock, index: number): boolean {
  return block.lines
    .slice(1, index)
    .some(([, code]) => /\bfunction\b[^{]*\{\s*$|=>\s*\{\s*$|^\s*async\s+\w+\([^)]*\)\s*\{\s*$/.test(code));
}

function assignmentInCondition(file: SeenFile, line: CodeLine): Suspect[] {
  const condition = conditionOf(line[1]);
  if (condition.startsWith('(') || !/[\w\])]\s*=\s*\S/.test(condition.replaceAll(/[=!<>]=+|=>/g, '~~'))) return [];
  return [
    {
      ...at(file, line),
      kind: 'assignment in a condition',
      severity: 'high',
      problem:
        'The condition assigns where it should compare, so it overwrites the value and asks whether that is truthy.',
      fix: 'Compare with ===.',
      related: [],
      weight: 0.9,
    },
  ];
}

/** What is between the parentheses of `if (…)` or `while (…)`; empty when there is none. */
function conditionOf(code: string): string {
  const start = /\b(?:if|while)\s*\(/.exec(code);
  if (start === null) return '';
  const from = start.index + start[0].length;
  let depth = 1;
  for (let to = from; to < code.length; to += 1) {
    if (code[to] === '(') depth += 1;
    else if (code[to] === ')') depth -= 1;
    if (depth === 0) return code.slice(from, to);
  }
  return code.slice(from);
}

function offByOne(file: SeenFile, line: CodeLine): Suspect[] {
  const [, code] = line;
  const tooFar = /<=\s*[\w$.]+\.length\b(?!\s*-)/.test(code) && /\b(?:for|while)\b/.test(code);
  const pastEnd = /(?<name>[\w$]+)\[\s*\k<name>\.length\s*\]/.test(code);
  const tooShort = /\bfor\b.*<\s*[\w$.]+\.length\s*-\s*1\s*;/.test(code) && !neighbourUsed(file, line[0]);
  if (!tooFar && !pastEnd && !tooShort) return [];
  return [
    {
      ...at(file, line),
      kind: 'off by one',
      severity: 'high',
      problem: tooShort
        ? 'The loop ends one element early, so the last one is left out.'
        : 'The index reaches length, one past the last element, and reads undefined there.',
      fix: tooShort ? 'Run to index < length.' : 'Stop before length: use < and length - 1.',
      related: [],
      weight: 0.85,
    },
  ];
}

/** A loop that looks at `[i + 1]` rightly ends one early. */
function neighbourUsed(file: SeenFile, number: number): boolean {
  return [0, 1, 2, 3, 4, 5, 6].some((step) => /\[\s*\w+\s*\+\s*1\s*\]/.test(file.line(number + step) ?? ''));
}

const NAMED = /^(?:is|has)?_?(?<word>expired|stale|overdue|old|late|full|exceeded|over|empty|fresh|valid)/i;

/** A predicate whose name says one thing and whose comparison the other. */
function inverted(file: SeenFile, block: CodeBlock): Suspect[] {
  const word = NAMED.exec(block.name)?.groups?.['word']?.toLowerCase();
  const best = /max|largest|highest|longest/i.test(block.name)
    ? 'max'
    : /min|smallest|lowest|shortest/i.test(block.name)
      ? 'min'
      : undefined;
  return block.lines.flatMap((line) => {
    const wrong =
      (word !== undefined && isInverted(word, line[1])) || (best !== undefined && isWrongBest(best, line[1]));
    if (!wrong) return [];
    return [
      {
        ...at(file, line),
        kind: 'comparison the wrong way round',
        severity: 'high',
        problem: `${block.name} says one thing and its comparison the opposite.`,
        fix: 'Turn the comparison round.',
        related: [`${file.path}:${block.first}`],
        weight: 0.8,
      } satisfies Suspect,
    ];
  });
}

function isInverted(word: string, code: string): boolean {
  const until =
    /\breturn\b.*(?:expires?\w*|until|deadline\w*|validTo|due\w*)\s*(?<op>[<>])=?\s*(?:now|Date\.now)/i.exec(code);
  const count =
    /\breturn\b.*(?:length|size|count|held|used)\s*(?<op>[<>])=?\s*(?:[\w$.#]*(?:max|limit|capacity|size))/i.exec(code);
  const past = until?.groups?.['op'] === '<';
  const above = count?.groups?.['op'] === '>';
  if (until !== null) return /expired|stale|overdue|old|late/.test(word) ? !past : /fresh|valid/.test(word) && past;
  return count !== null && /full|exceeded|over/.test(word) && !above;
}

function isWrongBest(best: 'max' | 'min', code: string): boolean {
  const match =
    /\bif\s*\(\s*(?<value>[\w$.[\]]+)\s*(?<op>[<>])=?\s*(?<known>[\w$]+)\s*\)\s*\{?\s*\k<known>\s*=\s*\k<value>/.exec(
      code,
    );
  const op = match?.groups?.['op'];
  return op !== undefined && op !== (best === 'max' ? '>' : '<');
}

function missingAwait(file: SeenFile, line: CodeLine, asyncNames: ReadonlySet<string>): Suspect[] {
  const [, code] = line;
  const call = /^\s*(?:(?:const|let|var)\s+[\w${}\s,]+=\s*)?(?:this\.#?)?(?<name>[\w$]+)\(.*\)\s*;?\s*$/.exec(code);
  const name = call?.groups?.['name'];
  if (name === undefined || !asyncNames.has(name) || /\b(?:await|return|void|then|catch|yield)\b/.test(code)) return [];
  return [
    {
      ...at(file, line),
      kind: 'missing await',
      severity: 'high',
      problem: `${name} is async, but its promise is neither awaited nor handled: what follows runs too early and an error is lost.`,
      fix: `await ${name}(…).`,
      related: [],
      weight: 0.75,
    },
  ];
}

/** The async function is this file's own, or one it imports: another file's name alone says nothing. */
function isKnownHere({ file, blocks }: Code, name: string): boolean {
  const word = new RegExp(`(?<![\\w$])${name.replaceAll('$', String.raw`\$`)}(?![\\w$])`);
  return (
    blocks.some((block) => block.name === name && block.isAsync) ||
    file.lines().some(([, text]) => text.includes('import') && word.test(text))
  );
}

function swallowed(file: SeenFile, line: CodeLine): Suspect[] {
  if (!/\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}/.test(line[1])) return [];
  return [
    {
      ...at(file, line),
      kind: 'swallowed error',
      severity: 'medium',
      problem: 'An error is caught and dropped, so a failure looks like success.',
      fix: 'Handle it, or let it pass.',
      related: [],
      weight: 0.5,
    },
  ];
}

function at(file: SeenFile, [number]: CodeLine): Pick<Suspect, 'file' | 'line' | 'quote'> {
  return { file: file.path, line: number, quote: (file.line(number) ?? '').trim() };
}
