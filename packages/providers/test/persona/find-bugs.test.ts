import { describe, expect, it } from 'vitest';

import { findBugs } from '../../src/simulator/persona/bug-patterns.ts';
import { readCode } from '../../src/simulator/persona/code-blocks.ts';
import { SeenFile } from '../../src/simulator/persona/seen-file.ts';
import { findWeaknesses } from '../../src/simulator/persona/weakness-patterns.ts';

function file(code: string): SeenFile {
  const seen = new SeenFile('x.js');
  for (const [index, line] of code.split('\n').entries()) seen.see(index + 1, line);
  return seen;
}

const found = (code: string): string[] =>
  findBugs([readCode(file(code))]).map((suspect) => `${suspect.line} ${suspect.kind}`);

describe('findBugs', () => {
  it.each([
    ['an assignment in a condition', 'if (state = "done") {\n  stop();\n}', ['1 assignment in a condition']],
    ['a loop one too long', 'for (let i = 0; i <= xs.length; i++) sum += xs[i];', ['1 off by one']],
    ['a loop one too short', 'for (let i = 0; i < xs.length - 1; i++) {\n  sum += xs[i];\n}', ['1 off by one']],
    ['an index past the end', 'return xs[xs.length];', ['1 off by one']],
    [
      'a missing await',
      'async function save(x) {\n  await disk(x);\n}\nfunction go() {\n  save(1);\n}',
      ['5 missing await'],
    ],
    [
      'an early return that keeps a lock',
      'async function f() {\n  await m.lock();\n  if (hit) return 1;\n  m.unlock();\n}',
      ['3 not given back on an early way out'],
    ],
    [
      'an error that keeps a permit',
      'async function f() {\n  await pool.acquire();\n  await work();\n  pool.release();\n}',
      ['3 not given back after an error'],
    ],
    [
      'an inverted expiry',
      'function isExpired(entry) {\n  return entry.expiresAt > Date.now();\n}',
      ['2 comparison the wrong way round'],
    ],
    [
      'an inverted limit',
      'const isFull = (queue) => {\n  return queue.length < queue.limit;\n};',
      ['2 comparison the wrong way round'],
    ],
    [
      'a minimum that keeps the largest',
      'function smallest(xs) {\n  let best = xs[0];\n  for (const x of xs) if (x > best) best = x;\n  return best;\n}',
      ['3 comparison the wrong way round'],
    ],
    ['a swallowed error', 'try { go(); } catch {}', ['1 swallowed error']],
  ])('sees %s', (_name, code, expected) => {
    expect(found(code)).toEqual(expected);
  });

  it.each([
    ['a comparison', 'if (state === "done" && n >= 3 && m <= 4) stop();'],
    ['a pattern match loop', 'while ((match = pattern.exec(text)) !== null) use(match);'],
    ['an arrow function in a condition', 'if (xs.some((x) => x > 1)) go();'],
    ['a loop over pairs', 'for (let i = 0; i < xs.length - 1; i++) {\n  use(xs[i], xs[i + 1]);\n}'],
    ['an awaited call', 'async function save() {}\nasync function go() {\n  await save();\n  return save();\n}'],
    [
      'a finally',
      'async function f() {\n  await m.lock();\n  try {\n    if (hit) return 1;\n  } finally {\n    m.unlock();\n  }\n}',
    ],
    ['a right expiry', 'function isExpired(entry) {\n  return entry.expiresAt <= Date.now();\n}'],
    ['a right maximum', 'function largest(xs) {\n  for (const x of xs) if (x > best) best = x;\n}'],
    ['a mistake in a comment', '// if (a = b) stop();\n/*\nif (a = b) stop();\n*/\n * while (a = b)'],
    ['a mistake in a string', 'log("if (a = b)");'],
  ])('passes over %s', (_name, code) => {
    expect(found(code)).toEqual([]);
  });
});

describe('findWeaknesses', () => {
  it.each([
    ['eval(input)', 'code from data'],
    ['exec(`rm ${name}`)', 'command from text'],
    ['db.query("SELECT * FROM t WHERE id = " + id)', 'query from text'],
    ['node.innerHTML = comment', 'markup from data'],
    ['const sessionToken = Math.random().toString(36)', 'guessable token'],
    ['createHash("md5")', 'weak digest'],
  ])('sees %s', (code, kind) => {
    expect(findWeaknesses([file(code)]).map((suspect) => suspect.kind)).toEqual([kind]);
  });

  it('never repeats a secret it comes across', () => {
    const [suspect] = findWeaknesses([file('const password = "hunter2hunter2";')]);
    expect(suspect).toMatchObject({ kind: 'secret in the code', quote: '' });
    expect(JSON.stringify(suspect)).not.toContain('hunter2');
  });
});
