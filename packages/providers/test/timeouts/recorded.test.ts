import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { readRecorded, scoreRecorded } from '../../bench/timeouts-recorded.ts';
import { AdaptiveTimeouts, type Observation } from '../../src/timeouts/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'exai-timeouts-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('recorded attempts', () => {
  it('written by onObserve are replayed under every profile', () => {
    const lines: string[] = [];
    const timeouts = new AdaptiveTimeouts({ onObserve: (key, seen) => lines.push(JSON.stringify({ key, seen })) });
    const key = { provider: 'glm', model: 'glm-4.6' };
    const text = (ms: number): Observation => ({ phase: 'text', ms });
    for (let i = 0; i < 300; i += 1) timeouts.observe(key, text(1000 + i));
    timeouts.observe(key, text(200_000));
    timeouts.observe(key, { phase: 'text', ms: 200_000, censored: 'timeout' });
    const path = join(folder, 'trace.jsonl');
    writeFileSync(path, `${lines.join('\n')}\n`);
    const scores = scoreRecorded(readRecorded(path));
    expect(scores.map(({ profile }) => profile)).toEqual(['fast', 'balanced', 'cautious']);
    for (const { attempts, falseKills, byPhase } of scores) {
      expect(attempts).toBe(302);
      expect(falseKills).toBeCloseTo(100 / 301, 6);
      expect(byPhase).toEqual({ text: 1 });
    }
  });

  it('that are none are refused by line', () => {
    const path = join(folder, 'bad.jsonl');
    writeFileSync(path, '{"key":{},"seen":[]}\n{"key":{}}\n');
    expect(() => readRecorded(path)).toThrow('line 2 must have key and seen');
  });
});
