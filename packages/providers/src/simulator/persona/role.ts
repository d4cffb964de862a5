import type { Conversation } from './conversation.ts';

/** What the persona is asked to be, read from the system prompt. */
export type Role =
  | 'debug'
  | 'thinkdeep'
  | 'analyze'
  | 'codereview'
  | 'planner'
  | 'consensus'
  | 'secaudit'
  | 'testgen'
  | 'refactor'
  | 'precommit'
  | 'tracer'
  | 'docgen'
  | 'challenge'
  | 'opinion'
  | 'reviewer'
  | 'chat';

const SIGNS: readonly (readonly [Role, RegExp])[] = [
  ['reviewer', /you check the work of another model/i],
  ['opinion', /independent opinions/i],
  ['consensus', /weigh answers/i],
  ['challenge', /examine a statement/i],
  ['debug', /root cause/i],
  ['precommit', /before it is committed/i],
  ['codereview', /you review code/i],
  ['secaudit', /you audit security/i],
  ['testgen', /you write tests/i],
  ['refactor', /you plan refactorings/i],
  ['planner', /you plan work/i],
  ['tracer', /you trace code/i],
  ['docgen', /you write documentation/i],
  ['analyze', /you assess a code base/i],
  ['thinkdeep', /think a hard question/i],
];

/** Reads the role from the first line of the system prompt; `chat` when none fits. */
export function roleOf({ system }: Conversation): Role {
  const [head = ''] = system.split('\n');
  return SIGNS.find(([, sign]) => sign.test(head))?.[0] ?? 'chat';
}
