import type { Answer, Level, Move, Report, Rng } from './family.ts';

const WORDS =
  'alpha beta gamma delta cache queue parser token retry socket buffer index cursor schema worker lease'.split(' ');

/** A task with needed places and some others, and what has been seen of it. */
export class Task {
  readonly needed: readonly string[];
  readonly seen = new Set<string>();
  readonly #rng: Rng;
  #others = 0;

  constructor(rng: Rng, size: number) {
    this.#rng = rng;
    this.needed = Array.from({ length: size }, (_, index) => `src/needed${index}.ts`);
  }

  get requirements(): { id: string; sources: string[] }[] {
    return this.needed.map((source, index) => ({ id: `r${index}`, sources: [source] }));
  }

  get missing(): string[] {
    return this.needed.filter((source) => !this.seen.has(source));
  }

  isSufficient = (): boolean => this.missing.length === 0;

  /** Share of the needed places seen. */
  get share(): number {
    return (this.needed.length - this.missing.length) / this.needed.length;
  }

  /** The next needed place, or a new place that is not needed. */
  next(): string {
    return this.missing[0] ?? this.other();
  }

  other(): string {
    this.#others += 1;
    return `src/other${this.#others}.ts`;
  }

  /** What the default tool answers: the same text for the same place. */
  look(path: string): Answer {
    this.seen.add(path);
    return { content: textOf(path), source: path };
  }

  /** Citations for everything needed that was seen. */
  cites(): { requirement: string; source: string }[] {
    return this.needed.flatMap((source, index) =>
      this.seen.has(source) ? [{ requirement: `r${index}`, source }] : [],
    );
  }

  /** A level that fits what was seen, one up or down at random. */
  level(shift = 0): Level {
    const levels: Level[] = ['exploring', 'low', 'medium', 'high', 'very_high', 'almost_certain', 'certain'];
    const fair = Math.floor(this.share * 4) + this.#rng.int(-1, 0) + shift;
    return levels[Math.max(0, Math.min(this.share === 1 ? 6 : 5, fair))] ?? 'low';
  }
}

/** A text that belongs to a place. */
export function textOf(path: string): string {
  let hash = 7;
  for (const char of path) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
  const words = Array.from({ length: 12 }, (_, index) => WORDS[(hash >>> (index % 24)) % WORDS.length]);
  return `${path} holds ${words.join(' ')}`;
}

/** A turn that looks at places and reports. */
export function looks(paths: readonly string[], report?: Report): Move {
  return {
    calls: paths.map((path) => ({ name: 'look', args: { path } })),
    ...(report === undefined ? {} : { report }),
  };
}

/** A report about a task. */
export function reportOf(task: Task, change: Partial<Report> = {}): Report {
  return {
    confidence: task.level(),
    done: false,
    findings: `seen ${task.seen.size} places, ${task.needed.length - task.missing.length} of them matter`,
    cites: task.cites(),
    ...change,
  };
}

/** A turn that says "finished". */
export function saysDone(task: Task, change: Partial<Report> = {}): Move {
  return { calls: [], report: reportOf(task, { done: true, confidence: 'very_high', ...change }) };
}
