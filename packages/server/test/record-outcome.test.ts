import { afterEach, describe, expect, it } from 'vitest';

import { connect, ProtocolError } from '../src/client/index.ts';
import { createServer, type ExaiServer } from '../src/index.ts';

let server: ExaiServer;
afterEach(() => server.close({ graceMs: 0 }));

describe('record_outcome', () => {
  it('takes the owner’s word on an ended run, and nobody else’s', async () => {
    server = await (await createServer({ port: 0, store: 'memory', tokens: ['agent-a', 'agent-b'] })).listen();
    const [owner, stranger] = await Promise.all([
      connect(server.wsUrl, { token: 'agent-a' }),
      connect(server.wsUrl, { token: 'agent-b' }),
    ]);
    const { structured } = await owner.call('chat', { prompt: 'hello', simulate: { serviceMs: 5 } });
    const run_id = String(structured?.['runId']);

    await expect(stranger.call('record_outcome', { run_id, ok: true })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENTS',
      message: expect.stringContaining('run_id must name a run of yours'),
    });
    await expect(owner.call('record_outcome', { run_id: 'run_unknown', ok: true })).rejects.toThrow(ProtocolError);
    await expect(owner.call('record_outcome', { run_id, ok: 'yes' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENTS',
    });
    const recorded = await owner.call('record_outcome', { run_id, ok: true });
    expect(recorded.content[0]?.text).toBe(`recorded: the answer of run ${run_id} was right`);
    await Promise.all([owner.close(), stranger.close()]);
  });
});
