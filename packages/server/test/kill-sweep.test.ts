import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createPersona, createSimulator } from '@exai/providers/simulator';
import { type CallProgress, connect as connectClient, type ExaiClient } from '@exai/server/client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { completedSteps, startChild } from './server-child.ts';
import { TestClient } from './test-client.ts';
import { until } from './test-server.ts';
import { freePort } from '../../../test/services/free-port.ts';

/** Ample: on a busy machine a process takes seconds to start. */
const PATIENT_MS = 60_000;

/** A call and what was heard of it. */
function watched(agent: ExaiClient, tool: string, args: Record<string, unknown>, idempotencyKey: string) {
  const events: CallProgress[] = [];
  let ends = 0;
  const outcome = agent
    .call(tool, args, { idempotencyKey, onEvent: (event) => events.push(event) })
    .then(
      ({ stop, replayed }) => ({ end: stop?.kind, replayed }),
      (error: { code: string }) => ({ end: error.code, replayed: undefined }),
    )
    .finally(() => (ends += 1));
  const has = (type: CallProgress['type']): boolean => events.some((event) => event.type === type);
  return { events, outcome, has, ends: () => ends };
}

describe('kill -9 with a call in every phase', () => {
  it('ends each with exactly one result after the restart; permits are back and nothing is done twice', async () => {
    const [dataDir, port] = [await mkdtemp(join(tmpdir(), 'exai-kill-')), await freePort()];
    const simulator = await createSimulator({ timeScale: 0.004, persona: createPersona() });
    onTestFinished(() => simulator.close());
    const env = {
      EXAI_DATA_DIR: dataDir,
      EXAI_WS_PORT: String(port),
      EXAI_MAX_RUNS: '1',
      EXAI_WS_GLM_MAX_INFLIGHT: '1',
      EXAI_WS_SESSION_MAX_INFLIGHT: '1',
      TEST_SIMULATOR: simulator.url,
    };
    const killed = await startChild(env);
    const url = `ws://127.0.0.1:${port}/ws`;
    const agents = await Promise.all(Array.from({ length: 5 }, () => connectClient(url, { delay: () => 50 })));
    onTestFinished(async () => {
      await Promise.all(agents.map((agent) => agent.close()));
    });
    const [a, b, c, d, e] = agents as [ExaiClient, ExaiClient, ExaiClient, ExaiClient, ExaiClient];

    const ended = watched(d, 'chat', { prompt: 'done before' }, 'ended');
    expect(await ended.outcome).toMatchObject({ end: 'complete' });
    const between = watched(e, 'debug', { prompt: 'find the bug', provider: 'kimi' }, 'between');
    const aStepIsDone = (event: CallProgress): boolean => event.type === 'progress' && /step/.test(event.message ?? '');
    await until(() => between.events.some(aStepIsDone), 'a step of the workflow is done', PATIENT_MS);
    simulator.faults.set({ slowdown: 100 });
    const streaming = watched(a, 'chat', { prompt: 'a long story '.repeat(50) }, 'streaming');
    await until(() => streaming.has('chunk'), 'it streams', PATIENT_MS);
    const atDoor = watched(a, 'chat', { prompt: 'after it' }, 'door');
    await until(() => atDoor.has('accepted'), 'it waits at the door', PATIENT_MS);
    expect(atDoor.events[0]).toMatchObject({ type: 'accepted', state: 'queued' });
    const queued = watched(b, 'chat', { prompt: 'for a permit' }, 'queued');
    await until(() => queued.has('accepted'), 'it was let in', PATIENT_MS);
    expect(queued.events[0]).toMatchObject({ state: 'running' });
    const connecting = watched(c, 'chat', { prompt: 'no token yet', provider: 'kimi' }, 'connecting');
    await until(() => connecting.has('accepted'), 'it runs', PATIENT_MS);
    const glm = async () => (await d.health()).tiers.find(({ provider }) => provider === 'glm');
    await vi.waitFor(async () => expect(await glm()).toMatchObject({ held: 1, waiting: 1 }), PATIENT_MS);
    const silent = await TestClient.connect(url, { hello: false });
    const unheard = watched(d, 'chat', { prompt: 'just sent' }, 'unheard');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    expect(await silent.closed()).toBe(1006);
    expect(queued.has('chunk') || connecting.has('chunk') || atDoor.has('chunk')).toBe(false);

    simulator.faults.clear();
    await startChild(env);
    const calls = { between, streaming, atDoor, queued, connecting, unheard };
    for (const [phase, { outcome }] of Object.entries(calls))
      expect(await outcome, phase).toMatchObject({ end: 'complete' });
    const again = watched(e, 'chat', { prompt: 'done before' }, 'ended');
    expect(await again.outcome).toEqual({ end: 'complete', replayed: true });
    for (const [phase, { ends }] of Object.entries(calls)) expect(ends(), phase).toBe(1);
    for (const [run, steps] of await completedSteps(dataDir)) {
      expect(steps, `completed steps of ${run}`).toEqual([...new Set(steps)]);
    }
    const health = await d.health();
    expect(health).toMatchObject({ healthy: true, leaked: 0, overdue: 0 });
    expect(health.tiers.map(({ held, waiting }) => [held, waiting])).toEqual(health.tiers.map(() => [0, 0]));
  }, 300_000);
});
