import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import type { Frame } from '../test-client.ts';
import { startServer, until } from '../test-server.ts';

const PYTHON = '/usr/bin/python3';
const script = new URL('autobahn-client.py', import.meta.url).pathname;

const isMissing = spawnSync(PYTHON, ['-c', 'import autobahn']).status !== 0;
if (isMissing) {
  if (process.env['EXAI_REQUIRE_SERVICES'] === '1') throw new Error('python3-autobahn is not installed');
  console.log('skipped: the foreign WebSocket client needs Autobahn (apt-get install python3-autobahn)');
}

describe.skipIf(isMissing)('a client written with Autobahn|Python', () => {
  it('says hello, gets a streamed answer and a refusal over fragmented frames and pings, and says goodbye', async () => {
    const server = await startServer({ tokens: ['token-of-python'] });
    const { stdout } = await promisify(execFile)(PYTHON, [script, server.wsUrl, 'token-of-python'], {
      timeout: 60_000,
    });
    const frames: Frame[] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const of = (type: string): Frame[] => frames.filter((frame) => frame.type === type);
    expect(frames[0]).toEqual({ protocol: 'exai.v1' });
    expect(of('welcome')).toMatchObject([{ version: 'exai.v1', resumed: false }]);
    expect(of('accepted')).toMatchObject([{ id: 'chat', state: 'running' }]);
    const [result] = of('result');
    expect(result).toMatchObject({ id: 'chat', stop: { kind: 'complete' } });
    const pieces = of('chunk').map((frame) => frame['delta']);
    expect(pieces.join('')).toBe(result?.['content'][0].text);
    expect(of('error')).toMatchObject([{ id: 'none', error: { code: 'UNKNOWN_TOOL', retryable: false } }]);
    const numbers = frames.flatMap((frame) => (frame['seq'] === undefined ? [] : [frame['seq']]));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(frames.at(-1)).toEqual({ closed: 1000, clean: true });
    await until(() => server.stats().kept === 0, 'its goodbye ended the session');
  }, 90_000);
});
