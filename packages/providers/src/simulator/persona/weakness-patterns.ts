import type { SeenFile } from './seen-file.ts';
import type { Severity, Suspect } from './suspect.ts';

interface Weakness {
  readonly kind: string;
  readonly pattern: RegExp;
  readonly severity: Severity;
  readonly problem: string;
  readonly fix: string;
}

const WEAKNESSES: readonly Weakness[] = [
  {
    kind: 'code from data',
    pattern: /\beval\s*\(|new\s+Function\s*\(/,
    severity: 'critical',
    problem: 'Text is run as code; whoever controls the text controls the process.',
    fix: 'Parse the data instead of running it.',
  },
  {
    kind: 'command from text',
    pattern: /\bexec(?:Sync)?\s*\(\s*(?:`[^`]*\$\{|["'][^"']*["']\s*\+)/,
    severity: 'critical',
    problem: 'A shell command is put together from values.',
    fix: 'Use execFile with a list of arguments.',
  },
  {
    kind: 'query from text',
    pattern: /(?:`|["'])\s*(?:SELECT|INSERT|UPDATE|DELETE)\b[^`"']*(?:\$\{|["']\s*\+)/i,
    severity: 'critical',
    problem: 'An SQL statement is put together from values.',
    fix: 'Use a prepared statement with parameters.',
  },
  {
    kind: 'markup from data',
    pattern: /\.innerHTML\s*=|dangerouslySetInnerHTML|document\.write\s*\(/,
    severity: 'high',
    problem: 'Data is set as markup, so it can carry a script.',
    fix: 'Set textContent.',
  },
  {
    kind: 'secret in the code',
    pattern: /(?:password|secret|api_?key|token)\s*[:=]\s*["'][^"']{8,}["']/i,
    severity: 'high',
    problem: 'A credential is part of the source.',
    fix: 'Take it from the environment and change it.',
  },
  {
    kind: 'guessable token',
    pattern: /(?:token|secret|session|nonce|id)\w*\s*=.*Math\.random\s*\(/i,
    severity: 'high',
    problem: 'A value that must not be guessed comes from Math.random.',
    fix: 'Use crypto.randomUUID or randomBytes.',
  },
  {
    kind: 'weak digest',
    pattern: /createHash\s*\(\s*["'](?:md5|sha1)["']/,
    severity: 'medium',
    problem: 'The digest can be collided.',
    fix: 'Use sha256.',
  },
  {
    kind: 'certificates not checked',
    pattern: /rejectUnauthorized\s*:\s*false|NODE_TLS_REJECT_UNAUTHORIZED/,
    severity: 'high',
    problem: 'The other end of the connection is not verified.',
    fix: 'Leave certificate checks on.',
  },
];

const INPUTS =
  /\breq(?:uest)?\.(?:body|query|params|headers|url)\b|process\.(?:argv|env|stdin)|\bon\(\s*["']message["']|JSON\.parse\s*\(|readFile/;

/** Looks for code that somebody could use against its owner. */
export function findWeaknesses(files: readonly SeenFile[]): Suspect[] {
  return files.flatMap((file) =>
    file.lines().flatMap(([line, text]) =>
      WEAKNESSES.filter((weakness) => weakness.pattern.test(text)).map(({ kind, severity, problem, fix }) => ({
        kind,
        severity,
        problem,
        fix,
        file: file.path,
        line,
        quote: kind === 'secret in the code' ? '' : text.trim(),
        related: [],
        weight: 0.8,
      })),
    ),
  );
}

/** Lines where something from outside enters. */
export function findInputs(files: readonly SeenFile[]): { file: string; line: number; quote: string }[] {
  return files.flatMap((file) =>
    file.lines().flatMap(([line, text]) => (INPUTS.test(text) ? [{ file: file.path, line, quote: text.trim() }] : [])),
  );
}
