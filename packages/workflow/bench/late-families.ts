import { existsSync, readdirSync } from 'node:fs';

import type { Family } from './family.ts';

const FOLDER = new URL('./late-families/', import.meta.url);

/**
 * Families written after the controller, by somebody who has not seen it. Every `.ts` file of `bench/late-families/`
 * is loaded; its default export is a family or a list of them.
 */
export async function loadLateFamilies(): Promise<Family[]> {
  if (!existsSync(FOLDER)) return [];
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  const modules = await Promise.all(
    names.map(async (name) => (await import(new URL(name, FOLDER).href)) as { default: Family | Family[] }),
  );
  return modules.flatMap((module) => module.default);
}
