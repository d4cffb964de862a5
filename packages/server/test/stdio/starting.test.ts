import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';

import { describe, expect, it, vi } from 'vitest';

import { ensureServer, probe } from '../../src/stdio/ensure-server.ts';
import { exitWhenIdle } from '../../src/stdio/exit-when-idle.ts';
import { serverTarget } from '../../src/stdio/server-target.ts';
import { startServer as startDetached } from '../../src/stdio/start-server.ts';
import { connect, startServer, until } from '../test-server.ts';
import { makeHome } from './stdio-processes.ts';
import { freePort } from '../../../../test/services/free-port.ts';

/** Larger than any process id of Linux. */
const DEAD = 2 ** 22 + 1;

describe('a bridge that looks for its server', () => {
  it('starts nothing when one answers', async () => {
    const start = vi.fn(() => Promise.resolve());
    await ensureServer(serverTarget({ host: '127.0.0.1', port: (await startServer()).port }), start);
    expect(start).not.toHaveBeenCalled();
  });

  it('does not take another program for it', async () => {
    const other = createServer((_, response) => response.end('{"status":"ok"}'));
    const port = await freePort();
    await new Promise<void>((resolve) => {
      other.listen(port, '127.0.0.1', resolve);
    });
    const start = vi.fn(() => Promise.resolve());
    await expect(ensureServer(serverTarget({ host: '127.0.0.1', port }), start)).rejects.toThrow('is no EXAI server');
    expect(start).not.toHaveBeenCalled();
    other.close();
  });

  it('starts none on another machine', async () => {
    const target = serverTarget({ host: '127.0.0.1', port: await freePort() });
    expect(await probe(target)).toBe('nobody');
    await expect(ensureServer(target, undefined)).rejects.toThrow('no EXAI server answers');
    const far = { host: 'exai.example', port: 1 };
    expect(serverTarget(far)).toEqual({
      wsUrl: 'wss://exai.example:1/ws',
      healthUrl: 'https://exai.example:1/healthz',
      local: false,
    });
    expect(serverTarget({ ...far, allowPlaintext: true }).wsUrl).toBe('ws://exai.example:1/ws');
    expect(serverTarget({ host: '::1', port: 1 })).toMatchObject({ wsUrl: 'ws://[::1]:1/ws', local: true });
  });

  it('says what the server said when it does not start, after another that died while it started one', async () => {
    const port = await freePort();
    const folder = makeHome();
    const lock = join(folder, `start-${port}`, 'lock');
    mkdirSync(dirname(lock));
    writeFileSync(lock, JSON.stringify({ pid: DEAD, born: '1', id: 'x' }));
    const command = [process.execPath, '-e', 'console.error("no luck today"); process.exit(3)'] as const;
    const target = serverTarget({ host: '127.0.0.1', port });
    await expect(startDetached({ target, port, folder, command, env: {} })).rejects.toThrow('no luck today');
    expect(existsSync(lock)).toBe(false);
  });
});

describe('a server that was started by a bridge', () => {
  it('ends when nobody was connected for long enough, not before', async () => {
    const server = await startServer();
    const client = await connect(server);
    const end = vi.fn();
    exitWhenIdle(server, 40, end);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(end).not.toHaveBeenCalled();
    await client.close();
    await until(() => end.mock.calls.length === 1, 'its end');
  });
});
