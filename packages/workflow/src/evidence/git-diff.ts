import { sep } from 'node:path';

import { EvidenceError } from './evidence-error.ts';
import { assertOwnRepository } from './git-repository.ts';
import { git } from './git.ts';
import { numberDiff } from './number-diff.ts';
import type { Observation } from './observation.ts';
import type { FoundPath, Roots } from './roots.ts';

/** Arguments of {@link gitDiff}. */
export interface GitDiffAsk {
  /** File or folder the diff is limited to. Absent: the first root. */
  path?: string | undefined;
  /** Commit, branch or tag to compare the working tree with. Absent: the index (unstaged changes). */
  compare_to?: string | undefined;
  /** Compare the index, not the working tree. Default false. */
  staged?: boolean | undefined;
}

/** A revision as people write it; never something git could read as an option or a range with a pathspec. */
const REVISION = /^[A-Za-z0-9_][A-Za-z0-9_./~^@{}-]{0,199}$/;

/**
 * Shows what changed in a git working tree, limited to one root. Lines that exist now carry their number, so that
 * `file:line` can be read again. Secret files are left out. No external diff, filter, hook or file monitor is run, and
 * no network is used. A root that is not in a repository gives `GIT_FAILED`, and
 * so does a repository whose data lies elsewhere (submodule, `.git` that points out).
 *
 * @throws {@link EvidenceError} as {@link Roots.locate}, `INVALID_ARGUMENTS`, `GIT_FAILED`, `ABORTED`.
 */
export async function gitDiff(roots: Roots, ask: GitDiffAsk, signal?: AbortSignal): Promise<Observation> {
  if (ask.compare_to !== undefined && !REVISION.test(ask.compare_to)) {
    throw new EvidenceError('INVALID_ARGUMENTS', `compare_to is not a revision: ${ask.compare_to}`);
  }
  const found = await locateForDiff(roots, ask.path);
  await assertOwnRepository(found.root.real, signal);
  const filters = await filterOverrides(found.root.real, signal);
  const output = await git(found.root.real, [...filters, ...diffArguments(found.real, ask)], signal);
  return numberDiff(output, (inside) => roots.show(found.root, `${found.root.real}${sep}${inside}`));
}

async function locateForDiff(roots: Roots, path: string | undefined): Promise<FoundPath> {
  if (path !== undefined && path !== '' && path !== '.') return roots.locate(path);
  const [root] = roots.folders;
  if (root === undefined) throw new EvidenceError('OUTSIDE_ROOTS', 'there is no allowed folder');
  return { root, real: root.real, shown: roots.show(root, root.real) };
}

function diffArguments(real: string, ask: GitDiffAsk): string[] {
  return [
    'diff',
    '--no-ext-diff',
    '--no-textconv',
    '--no-color',
    '--no-renames',
    '--unified=3',
    '--ignore-submodules',
    '--relative',
    ...(ask.staged === true ? ['--cached'] : []),
    ...(ask.compare_to === undefined ? [] : ['--end-of-options', ask.compare_to]),
    '--',
    real,
  ];
}

/** A clean or process filter is a command in the repository's configuration that a diff would run: each is switched off. */
async function filterOverrides(folder: string, signal: AbortSignal | undefined): Promise<string[]> {
  const listed = await git(folder, ['config', '--list', '--name-only', '--includes'], signal);
  const names = new Set(
    listed.split('\n').flatMap((key) => /^filter\.(?<name>.+)\.[^.]+$/.exec(key)?.groups?.['name'] ?? []),
  );
  return [...names].flatMap((name) =>
    ['clean=', 'smudge=', 'process=', 'required=false'].flatMap((setting) => ['-c', `filter.${name}.${setting}`]),
  );
}
