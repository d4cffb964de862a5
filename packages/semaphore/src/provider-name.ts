import { obtain } from './obtain.ts';

/** The provider a limit's key belongs to: `glm` of `glm:<account>`. Used where names must come from a small set. */
export function providerName(id: string): string {
  return id.replace(/:.*/s, '');
}

/** Members by provider name, in the order they come; those without a provider are left out. */
export function groupByProvider<T>(members: Iterable<T>, idOf: (member: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const member of members) {
    const id = idOf(member);
    if (id !== undefined) obtain(groups, providerName(id), () => []).push(member);
  }
  return groups;
}
