import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

import { LEAK_SCENES, playLeakScenes } from './leak-scenes.ts';

const EXPECTED = Object.fromEntries(LEAK_SCENES.map(({ name, isLeak }) => [name, isLeak]));

describe.each(['Semaphore', 'TieredSemaphore'] as const)('leak scenes of %s', (kind) => {
  describe.each(['standard', 'strict', 'paranoid'] as const)('at level %s', (level) => {
    let leaked: Record<string, boolean>;
    beforeAll(async () => {
      leaked = await playLeakScenes(kind, level);
    });

    it.each(LEAK_SCENES)('$name: leak $isLeak', ({ name, isLeak }) => {
      expect(leaked[name]).toBe(isLeak);
    });
  });

  it('proves nothing at level track', async () => {
    expect(Object.values(await playLeakScenes(kind, 'track'))).not.toContain(true);
  });
});

describe('under --inspect', () => {
  it('comes to the same verdicts', { timeout: 90_000 }, async () => {
    const script = new URL('leak-scenes-process.ts', import.meta.url).pathname;
    const flags = ['--inspect=127.0.0.1:0', '--expose-gc', '--conditions=@exai/source', '--import', 'tsx'];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, script]);
    expect(JSON.parse(stdout)).toEqual([EXPECTED, EXPECTED]);
  });
});
