import { describe, expect, it } from 'vitest';

import type { ExaiServer } from '@exai/server';

import type { TestClient } from './test-client.ts';
import { chatOf, connect, startServer, until } from './test-server.ts';

interface Stage {
  readonly name: string;
  /** Brings the call `x` to this point. */
  reach(server: ExaiServer, client: TestClient): Promise<void>;
}

/** One run at a time and one permit, so that a call can be held at the door or at the gate by another session. */
const config = { maxRuns: 1, globalMaxInFlight: 1, sessionMaxInFlight: 1, glmMaxInFlight: 1, resumeWindowMs: 400 };
/** A store across the network needs its time before a call asks for its permit. */
const HOLD_MS = process.env['TEST_POSTGRES_URL'] === undefined ? 150 : 3000;
const long = 'a long story about a patient reader '.repeat(20);

const stages: Stage[] = [
  {
    name: 'sent and not yet answered',
    reach: (_, client) => {
      client.call('x', 'chat', chatOf(150));
      return Promise.resolve();
    },
  },
  {
    name: 'waiting at the door',
    reach: async (server, client) => {
      client.call('first', 'chat', chatOf(150));
      client.call('x', 'chat', chatOf(30));
      await until(() => server.stats().runsAtDoor === 1, 'it waits');
    },
  },
  {
    name: 'waiting for a permit',
    reach: async (server, client) => {
      const other = await connect(server);
      other.call('first', 'chat', chatOf(HOLD_MS));
      await other.next('accepted', 'first');
      await until(() => server.semaphore.stats().global.held === 1, 'another session holds the permit');
      client.call('x', 'chat', chatOf(30));
      await until(() => server.semaphore.stats().global.waiting === 1, 'it waits');
    },
  },
  {
    name: 'running',
    reach: async (server, client) => {
      client.call('x', 'chat', chatOf(150));
      await until(() => server.models.simulator?.log.summary().inFlight.total === 1, 'it runs');
    },
  },
  {
    name: 'streaming its answer',
    reach: async (_, client) => {
      client.call('x', 'chat', chatOf(200, 'glm', long));
      await client.next('chunk', 'x');
    },
  },
  {
    name: 'ended',
    reach: async (_, client) => {
      client.call('x', 'chat', chatOf(10));
      await client.end('x');
    },
  },
];

/** What is done to the call or its connection; resolves with the client that sees the end, if one is to see it. */
const actions: { name: string; act(server: ExaiServer, client: TestClient): Promise<TestClient | undefined> }[] = [
  { name: 'nothing', act: (_, client) => Promise.resolve(client) },
  {
    name: 'cancelled twice',
    act: (_, client) => {
      client.send({ type: 'cancel', id: 'x' });
      client.send({ type: 'cancel', id: 'x' });
      return Promise.resolve(client);
    },
  },
  { name: 'cut and resumed', act: (server, client) => resume(server, client) },
  {
    name: 'cut, resumed and cancelled',
    act: async (server, client) => {
      const back = await resume(server, client);
      back.send({ type: 'cancel', id: 'x' });
      return back;
    },
  },
  {
    name: 'cut, resumed twice',
    act: async (server, client) => resume(server, await resume(server, client)),
  },
  {
    name: 'cut for ever',
    act: async (_, client) => {
      client.ws.terminate();
      await client.closed();
      return undefined;
    },
  },
  {
    name: 'closed with goodbye',
    act: async (_, client) => {
      await client.close(1000);
      return undefined;
    },
  },
];

async function resume(server: ExaiServer, client: TestClient): Promise<TestClient> {
  const { sessionId, resumeToken } = client.welcome;
  const { lastSeq } = client;
  client.ws.terminate();
  await client.closed();
  const back = await connect(server, { resume: { sessionId, resumeToken, lastSeq } });
  back.frames.unshift(...client.frames.filter((frame) => frame.type !== 'welcome'));
  return back;
}

describe.each(stages)('a call that is $name', ({ reach }) => {
  it.each(actions)('and $name: one end at most, permits back, nothing kept', async ({ act }) => {
    const server = await startServer(config);
    const client = await connect(server);
    await reach(server, client);
    const witness = await act(server, client);
    if (witness !== undefined) {
      await witness.end('x');
      await until(() => server.stats().callsInFlight === 0, 'the work is gone');
      const numbers = witness.frames.flatMap((frame) => (frame['seq'] === undefined ? [] : [frame['seq']]));
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      expect(witness.ends('x')).toHaveLength(1);
      await witness.close(1000);
    }
    await until(() => server.semaphore.stats().global.held === 0, 'the permits are back');
    for (const session of server.sessions.values()) server.sessions.end(session, 'closed');
    await until(() => server.stats().kept === 0, 'every map is empty');
    await until(() => server.semaphore.stats().sessions === 0, 'the semaphore forgot the sessions');
    expect(server.semaphore.stats().global).toMatchObject({ held: 0, waiting: 0, leaked: 0, leaksDetected: 0 });
  });
});

/** Steps of the protocol before there is a call, or between two connections of one. */
const steps: { name: string; cut(server: ExaiServer): Promise<void> }[] = [
  {
    name: 'before its hello',
    cut: async (server) => (await connect(server, { hello: false })).ws.terminate(),
  },
  {
    name: 'after its hello, before the welcome',
    cut: async (server) => {
      const client = await connect(server, { hello: false });
      client.hello();
      client.ws.terminate();
    },
  },
  {
    name: 'in the middle of a frame',
    cut: async (server) => {
      const client = await connect(server);
      client.ws.send('{"type":"call","id":"x",', { fin: false });
      client.ws.terminate();
    },
  },
  {
    name: 'after a call and its cancel, before any answer',
    cut: async (server) => {
      const client = await connect(server);
      client.call('x', 'chat', chatOf(60_000));
      client.send({ type: 'cancel', id: 'x' });
      client.ws.terminate();
    },
  },
  {
    name: 'while it resumes, again and again',
    cut: async (server) => {
      const client = await connect(server);
      const { sessionId, resumeToken } = client.welcome;
      client.call('x', 'chat', chatOf(60_000));
      await client.next('accepted', 'x');
      client.ws.terminate();
      for (let n = 0; n < 5; n += 1) {
        const back = await connect(server, { hello: false });
        back.hello({ resume: { sessionId, resumeToken, lastSeq: 0 } });
        back.ws.terminate();
      }
    },
  },
];

describe('a connection that is cut for ever', () => {
  it.each(steps)('$name: nothing is kept, no permit is held', async ({ cut }) => {
    const server = await startServer({ ...config, resumeWindowMs: 100 });
    await cut(server);
    await until(() => server.stats().connections === 0, 'the connections are gone', 30_000);
    await until(() => server.stats().kept === 0, 'every map is empty', 30_000);
    await until(() => server.semaphore.stats().sessions === 0, 'the semaphore forgot the sessions', 30_000);
    expect(server.semaphore.stats().global).toMatchObject({ held: 0, waiting: 0, leaked: 0, leaksDetected: 0 });
  });
});
