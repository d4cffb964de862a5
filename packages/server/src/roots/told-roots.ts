import { createHmac, timingSafeEqual } from 'node:crypto';

/** Folders a client wants its file tools to look into, and the proof that it may say so. */
export interface ToldRoots {
  /** Absolute paths. */
  readonly folders: readonly string[];
  /** Made by {@link tellRoots}. */
  readonly proof: string;
}

/** Signs folders with the key of the user's own folder. The key itself is never sent: who answers at the port may be anybody. */
export function tellRoots(folders: readonly string[], key: string): ToldRoots {
  return { folders, proof: sign(folders, key).toString('base64url') };
}

/** Whether the folders were signed with this key; compared in constant time. */
export function isProven({ folders, proof }: ToldRoots, key: string): boolean {
  const [given, right] = [Buffer.from(proof, 'base64url'), sign(folders, key)];
  return given.length === right.length && timingSafeEqual(given, right);
}

function sign(folders: readonly string[], key: string): Buffer {
  return createHmac('sha256', key)
    .update(JSON.stringify(['exai.v1 roots', ...folders]))
    .digest();
}
