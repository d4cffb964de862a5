import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, parse, sep } from 'node:path';

import { isLoopback } from '../config/check-combinations.ts';

import { readRootsKey } from './roots-key.ts';
import { isProven, type ToldRoots } from './told-roots.ts';

/** What {@link SessionRoots} decides by. */
export interface SessionRootsOptions {
  /** The address the server listens on. */
  readonly host: string;
  /** Folders of the server's own configuration; with any, no session gets more. */
  readonly allowedRoots: readonly string[];
  /** Where the user's key is. */
  readonly folder: string;
}

/**
 * Decides which folders the file tools of a session look into.
 *
 * A session that tells none gets those of the server. One that tells its own, as the bridge of an editor does, gets them only if all of
 * this holds: the server listens on loopback alone, the connection comes from loopback, and the folders are signed with the key in
 * the home folder of the user the server runs as. Whoever can read that key is that user, and could read the folders without the
 * server; so telling gives nobody anything, and who is not that user can widen nothing. Another user of the machine, a web page
 * and a client from elsewhere have no key. A program that poses as the server sees one signature of these same folders.
 * With `EXAI_ALLOWED_ROOTS` set for the server, only folders inside those count, whoever tells them.
 */
export class SessionRoots {
  readonly #options: SessionRootsOptions;

  constructor(options: SessionRootsOptions) {
    this.#options = options;
  }

  /** The folders a session gets, perhaps none; nothing when it gets those of the server. */
  decide(told: ToldRoots | undefined, address: string): readonly string[] | undefined {
    const { host, allowedRoots, folder } = this.#options;
    if (told === undefined || !isLoopback(host) || !isLoopback(address.replace(/^::ffff:/, ''))) return undefined;
    const key = readRootsKey(folder);
    if (key === undefined || !isProven(told, key)) return undefined;
    const own = told.folders.filter(isFolder);
    if (allowedRoots.length === 0) return own;
    const allowed = allowedRoots.map(toReal);
    return own.filter((path) => allowed.some((outer) => isInside(outer, toReal(path))));
  }
}

/** Whether a path can be a root: an absolute path of a folder that is there, and not all of the disk. */
export function isFolder(path: string): boolean {
  try {
    const real = realpathSync(path);
    return isAbsolute(path) && parse(real).root !== real && statSync(real).isDirectory();
  } catch {
    return false;
  }
}

function toReal(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function isInside(outer: string, path: string): boolean {
  return path === outer || path.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}
