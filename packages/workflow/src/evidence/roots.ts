import { realpathSync, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, isAbsolute, join, parse, relative, resolve, sep } from 'node:path';

import { EvidenceError } from './evidence-error.ts';
import { isSecretPath } from './secret-file.ts';

/** Longest path accepted from a model or a caller, in characters. */
export const MAX_PATH_LENGTH = 1024;

/** One folder that evidence tools may look into. */
export interface Root {
  /** Prefix of shown paths when there are several roots: the folder's name, numbered when two share it. */
  readonly label: string;
  /** The folder as configured, absolute. */
  readonly given: string;
  /** The folder after resolving symbolic links. */
  readonly real: string;
}

/** A path proven to lie inside a root, after resolving symbolic links. */
export interface FoundPath {
  readonly root: Root;
  readonly real: string;
  /** The name tools print and citations use: relative to the root, with `/`, prefixed by the label if there are several roots. */
  readonly shown: string;
}

/** The folders that evidence tools may look into, and the only way to turn a path from outside into one on disk. */
export interface Roots {
  readonly folders: readonly Root[];
  /**
   * Proves that a path lies inside a root.
   *
   * @throws {@link EvidenceError} `INVALID_PATH`, `OUTSIDE_ROOTS` (also for `..` and for links that lead out),
   * `SECRET_FILE`, `NOT_FOUND`.
   */
  readonly locate: (path: string) => Promise<FoundPath>;
  /** The shown name of a real path inside the given root. */
  readonly show: (root: Root, real: string) => string;
}

/**
 * Opens the folders that evidence tools may look into. Reads the disk synchronously, once.
 *
 * @throws TypeError for the root of the file system, `EvidenceError` `NOT_FOUND` / `NOT_A_DIRECTORY` for a bad folder.
 */
export function openRoots(paths: readonly string[]): Roots {
  const folders = withLabels(paths.map((path) => resolve(path)));
  const show = (root: Root, real: string): string => {
    const inside = relative(root.real, real).split(sep).join('/');
    if (folders.length === 1) return inside === '' ? '.' : inside;
    return inside === '' ? root.label : `${root.label}/${inside}`;
  };
  const locate = async (path: string): Promise<FoundPath> => {
    assertPlainPath(path);
    for (const { root, target } of candidates(folders, path)) {
      if (isSecretPath(relative(root.real, target))) throw secret(path);
      const real = await realpathOrUndefined(target);
      if (real === undefined) continue;
      if (!isInside(root.real, real)) throw outside(path);
      if (isSecretPath(relative(root.real, real))) throw secret(path);
      return { root, real, shown: show(root, real) };
    }
    throw new EvidenceError('NOT_FOUND', `no such file or folder: ${path}`);
  };
  return { folders, locate, show };
}

/** Tells whether a real path is the folder itself or lies in it. */
export function isInside(folder: string, real: string): boolean {
  return real === folder || real.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function withLabels(paths: readonly string[]): Root[] {
  const used = new Map<string, number>();
  const seen = new Set<string>();
  const roots: Root[] = [];
  for (const given of paths) {
    const real = realFolder(given);
    if (seen.has(real)) continue;
    seen.add(real);
    const name = basename(real);
    const count = (used.get(name) ?? 0) + 1;
    used.set(name, count);
    roots.push({ label: count === 1 ? name : `${name}-${count}`, given, real });
  }
  return roots;
}

function realFolder(path: string): string {
  if (parse(path).root === path) throw new TypeError(`a root must be a folder below the file system root, got ${path}`);
  const real = realOrNotFound(path);
  if (parse(real).root === real) throw new TypeError(`a root must not lead to the file system root, got ${path}`);
  if (!statSync(real).isDirectory()) throw new EvidenceError('NOT_A_DIRECTORY', `root is not a folder: ${path}`);
  return real;
}

function realOrNotFound(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    throw new EvidenceError('NOT_FOUND', `root does not exist: ${path}`, { cause });
  }
}

function assertPlainPath(path: string): void {
  if (path === '' || path.length > MAX_PATH_LENGTH || path.includes('\0')) {
    throw new EvidenceError('INVALID_PATH', `path must have 1 to ${MAX_PATH_LENGTH} characters and no NUL`);
  }
  if (path.split(/[\\/]/).includes('..')) throw outside(path);
}

/** Where a path may point to, without touching the disk: a path that can only be outside is refused here. */
function candidates(folders: readonly Root[], path: string): { root: Root; target: string }[] {
  if (isAbsolute(path)) {
    const target = resolve(path);
    const found = folders.flatMap((root) => {
      if (isInside(root.real, target)) return [{ root, target }];
      return isInside(root.given, target) ? [{ root, target: join(root.real, relative(root.given, target)) }] : [];
    });
    if (found.length === 0) throw outside(path);
    return found;
  }
  if (folders.length === 0) throw outside(path);
  const [head, ...rest] = path.split('/');
  const labelled = folders.length > 1 ? folders.filter((root) => root.label === head) : [];
  return [
    ...labelled.map((root) => ({ root, target: join(root.real, ...rest) })),
    ...folders.map((root) => ({ root, target: join(root.real, path) })),
  ];
}

async function realpathOrUndefined(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    return undefined;
  }
}

function outside(path: string): EvidenceError {
  return new EvidenceError('OUTSIDE_ROOTS', `path is outside the allowed folders: ${path}`);
}

function secret(path: string): EvidenceError {
  return new EvidenceError('SECRET_FILE', `file may hold credentials and is not read: ${path}`);
}
