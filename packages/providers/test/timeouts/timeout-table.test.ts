import { fc, it as property } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import { TIMEOUT_TABLE, timeoutTableFromEnv } from '../../src/timeouts/index.ts';

const DEFAULTS = { base: 240_000, web: 300_000, thinking: 360_000, webThinking: 420_000 };

describe('timeoutTableFromEnv', () => {
  it('is 240, 300, 360 and 420 s when nothing is set', () => {
    expect(TIMEOUT_TABLE).toEqual(DEFAULTS);
    expect(timeoutTableFromEnv({}, 'kimi')).toEqual(DEFAULTS);
    expect(timeoutTableFromEnv({ KIMI_TIMEOUT_SECS: '  ' }, 'kimi')).toEqual(DEFAULTS);
  });

  it.each([
    ['KIMI_TIMEOUT_SECS', 'kimi', 'base'],
    ['KIMI_WEB_SEARCH_TIMEOUT_SECS', 'kimi', 'web'],
    ['KIMI_THINKING_TIMEOUT_SECS', 'kimi', 'thinking'],
    ['KIMI_WEB_THINKING_TIMEOUT_SECS', 'kimi', 'webThinking'],
    ['GLM_TIMEOUT_SECS', 'glm', 'base'],
    ['GLM_WEB_SEARCH_TIMEOUT_SECS', 'glm', 'web'],
    ['GLM_THINKING_TIMEOUT_SECS', 'glm', 'thinking'],
    ['GLM_WEB_THINKING_TIMEOUT_SECS', 'glm', 'webThinking'],
  ])('reads %s in seconds and leaves the rest as it is', (name, provider, entry) => {
    expect(timeoutTableFromEnv({ [name]: '2.4' }, provider)).toEqual({ ...DEFAULTS, [entry]: 2400 });
    const other = provider === 'glm' ? 'kimi' : 'glm';
    expect(timeoutTableFromEnv({ [name]: '2.4' }, other)).toEqual(DEFAULTS);
  });

  it.each(['0', '-1', 'abc', '1e3', 'Infinity', '12s', '2147484', '.'])(
    'refuses %s, naming the variable, the rule and the value',
    (value) => {
      const read = (): unknown => timeoutTableFromEnv({ GLM_TIMEOUT_SECS: value }, 'glm');
      expect(read).toThrow(RangeError);
      expect(read).toThrow(`GLM_TIMEOUT_SECS must be a positive number of seconds, at most 2147483, got "${value}"`);
    },
  );

  property.prop([fc.double({ min: 0.001, max: 2_000_000, noNaN: true })])('takes every decimal in range', (seconds) => {
    const text = seconds.toFixed(6);
    expect(timeoutTableFromEnv({ KIMI_TIMEOUT_SECS: text }, 'kimi').base).toBe(Number(text) * 1000);
  });
});
