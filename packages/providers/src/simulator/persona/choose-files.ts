import type { Conversation } from './conversation.ts';
import { importsOf } from './landmarks.ts';

/** Larger files are left for the end, in bytes. */
const LARGE_BYTES = 50_000;
const CODE = /\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kt|cs|php|c|cc|cpp|h|swift|scala|sh|sql|vue|svelte)$/;

/** Files not read yet, the most promising first: named in the task, imported by what was read, code before prose. */
export function chooseFiles(conversation: Conversation, most: number): string[] {
  const read = new Set(conversation.files.filter((file) => file.size > 1).map((file) => file.path));
  const asked = new Set(
    conversation.calls.filter((call) => call.name === 'read_file').map((call) => call.arguments['path']),
  );
  const words = wordsOf(conversation.task);
  const followed = importedPaths(conversation);
  return [...candidatePaths(conversation)]
    .filter(([path]) => !read.has(path) && !asked.has(path))
    .map(([path, bytes]) => ({ path, score: score(path, bytes, words, followed) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1))
    .slice(0, most)
    .map(({ path }) => path);
}

/** What a listing named; without one, the paths the task names. */
function candidatePaths({ listed, task }: Conversation): ReadonlyMap<string, number> {
  if (listed.size > 0) return listed;
  return new Map([...task.matchAll(/[\w@.-]+(?:\/[\w@.-]+)*\.\w{1,5}\b/g)].map((match) => [match[0], 0]));
}

function wordsOf(task: string): Set<string> {
  const words = task.split(/[^\w./-]+/).flatMap((word) => [word, ...word.split(/[./-]/)]);
  return new Set(words.map((word) => word.toLowerCase().replace(/[.:]+$/, '')).filter((word) => word.length > 3));
}

function score(path: string, bytes: number, words: ReadonlySet<string>, followed: ReadonlySet<string>): number {
  const lower = path.toLowerCase();
  const parts = lower.split('/');
  const name = parts.at(-1) ?? '';
  const named = words.has(lower) || words.has(name) ? 100 : 0;
  const shared = [...parts, name.replace(/\.\w+$/, '')].filter((part) => words.has(part)).length * 20;
  const kind = CODE.test(lower) ? 10 : /\.(?:md|json|ya?ml|toml)$/.test(lower) ? 1 : 0;
  const test = /(?:^|[./_-])(?:test|spec|d)\.\w+$/.test(lower) ? -8 : 0;
  return named + shared + kind + test + (followed.has(path) ? 60 : 0) - (bytes > LARGE_BYTES ? 9 : 0);
}

function importedPaths({ files }: Conversation): Set<string> {
  return new Set(
    files.flatMap((file) =>
      file.lines().flatMap(([, text]) =>
        importsOf(text)
          .filter((name) => name.startsWith('.'))
          .map((name) => join(file.path, name)),
      ),
    ),
  );
}

function join(from: string, to: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of to.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
