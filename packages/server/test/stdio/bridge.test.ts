import type { ServerContext } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';

import { Bridge } from '../../src/stdio/bridge.ts';
import { serverTarget } from '../../src/stdio/server-target.ts';
import { chatOf, startServer, until } from '../test-server.ts';
import { freePort } from '../../../../test/services/free-port.ts';

const context = {} as ServerContext;

describe('a bridge', () => {
  it('starts a server when it has none, and another when that is gone for good; a call that waits gets its answer', async () => {
    const port = await freePort();
    const servers: Awaited<ReturnType<typeof startServer>>[] = [];
    const said: string[] = [];
    const bridge = new Bridge({
      target: serverTarget({ host: '127.0.0.1', port }),
      token: undefined,
      restartAfterMs: 60,
      delay: () => 20,
      log: (line) => said.push(line),
      start: async () => {
        servers.push(await startServer({ port }));
      },
    });
    const call = (ms: number, signal = new AbortController().signal) =>
      bridge.caller({ tool: 'chat', arguments: chatOf(ms), signal, onProgress: () => undefined }, context);
    expect(await call(5)).toMatchObject({ stop: { kind: 'complete' } });
    expect(servers).toHaveLength(1);
    await servers[0]?.close({ graceMs: 0 });
    expect(await call(5)).toMatchObject({ stop: { kind: 'complete' } });
    expect(servers).toHaveLength(2);
    expect(said).toEqual([]);
    const controller = new AbortController();
    const cancelled = call(60_000, controller.signal);
    await until(() => servers[1]?.semaphore.stats().global.held === 1, 'the permit was taken');
    controller.abort();
    expect(await cancelled).toMatchObject({ error: { code: 'CANCELLED' } });
    await until(() => servers[1]?.semaphore.stats().global.held === 0, 'the permit came back');
    await bridge.close();
    await until(() => servers[1]?.stats().sessions === 0, 'its session ended');
  });

  it('says in the result, and to a person, that there is no server and none may be started', async () => {
    const said: string[] = [];
    const target = serverTarget({ host: '127.0.0.1', port: await freePort() });
    const bridge = new Bridge({ target, token: undefined, start: undefined, log: (line) => said.push(line) });
    const { signal } = new AbortController();
    const outcome = await bridge.caller({ tool: 'chat', arguments: {}, signal, onProgress: () => undefined }, context);
    expect(outcome).toMatchObject({ error: { code: 'INTERNAL', retryable: false } });
    expect(said[0]).toContain('no EXAI server answers');
    await bridge.close();
  });
});
