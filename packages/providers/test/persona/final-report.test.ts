import { describe, expect, it } from 'vitest';

import type { Conversation } from '../../src/simulator/persona/conversation.ts';
import { finalReport } from '../../src/simulator/persona/final-report.ts';
import { lookAt } from '../../src/simulator/persona/insight.ts';
import type { Role } from '../../src/simulator/persona/role.ts';
import { SeenFile } from '../../src/simulator/persona/seen-file.ts';

function fileOf(path: string, text: string): SeenFile {
  const file = new SeenFile(path);
  for (const [index, line] of text.split('\n').entries()) file.see(index + 1, line);
  return file;
}

const GOOD = `import { read } from './read.js';

export function total(items) {
  if (items.length === 0) return 0;
  return items.reduce((sum, item) => sum + item.price, 0);
}`;

const BAD = `import { query } from './database.js';

export function find(name) {
  return query('select * from users where name = ' + name);
}`;

function reportOf(role: Role, parts: Partial<Conversation> = {}): string {
  const conversation: Conversation = {
    system: '',
    task: 'Is it right?',
    remarks: [],
    isAnswerDue: false,
    calls: [],
    listed: new Map(),
    files: [],
    wanted: [],
    ...parts,
  };
  return finalReport({ conversation, role, insight: lookAt(conversation, role) });
}

describe('the report at the end of a run', () => {
  it.each<[Role, string]>([
    ['debug', 'Root cause'],
    ['codereview', 'Review'],
    ['analyze', 'Assessment'],
    ['planner', 'Plan'],
    ['consensus', 'Recommendation'],
    ['testgen', 'Tests'],
    ['tracer', 'Trace'],
  ])('of %s is headed %s and says what it rests on', (role, title) => {
    const text = reportOf(role, { files: [fileOf('src/total.js', GOOD)] });
    expect(text.startsWith(`## ${title}\n`)).toBe(true);
    expect(text).toMatch(/### What this rests on\nRead: src\/total\.js\.$/);
  });

  it.each<Role>(['debug', 'analyze', 'thinkdeep'])('of %s without a file says that nothing was read', (role) => {
    const text = reportOf(role);
    expect(text).toContain('The question: Is it right?');
    expect(text).toContain('No file was read.');
  });

  it.each<Role>(['secaudit', 'codereview', 'precommit'])('of %s names a weakness, its line and its change', (role) => {
    const text = reportOf(role, { files: [fileOf('src/find.js', BAD)] });
    expect(text).toMatch(/\*\*(?:critical|high)\*\* `src\/find\.js:4`/);
    expect(text).toMatch(/\n {2}Change: \S/);
    expect(text).not.toContain('Nothing wrong was found');
  });

  it('of a debug that found nothing says so, and where it looked', () => {
    const text = reportOf('debug', { files: [fileOf('src/total.js', GOOD)] });
    expect(text).toContain('Nothing wrong was found in what was read.');
    expect(text).toContain('`src/total.js:3` defines total');
  });

  it('of an analysis puts what deserves attention after its map', () => {
    const text = reportOf('analyze', { files: [fileOf('src/find.js', BAD)] });
    expect(text.indexOf('defines find')).toBeLessThan(text.indexOf('Worth attention:'));
  });

  it.each<[Role, RegExp, RegExp]>([
    ['testgen', / branches /, / imports /],
    ['tracer', / imports /, / branches /],
    ['docgen', / imports /, / branches /],
  ])('of %s shows what its role is about', (role, shown, hidden) => {
    const text = reportOf(role, { files: [fileOf('src/total.js', GOOD)] });
    expect(text).toMatch(shown);
    expect(text).not.toMatch(hidden);
  });

  it('of a consensus names each voice once', () => {
    const text = reportOf('consensus', {
      remarks: ['panel:glm-5 says yes.', 'panel:kimi-k2 says no, panel:glm-5 again.'],
    });
    expect(text.match(/^- panel:\S+/gm)).toEqual(['- panel:glm-5:', '- panel:kimi-k2:']);
  });

  it('of pasted code does not claim that it saw nothing', () => {
    const text = reportOf('debug', { pasted: fileOf('pasted', GOOD) });
    expect(text).not.toContain('The question:');
    expect(text).toContain('defines total');
  });
});
