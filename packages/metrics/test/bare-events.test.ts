import { describe, expect, it } from 'vitest';

import { createMetrics, type Metrics } from '../src/index.ts';
import { parseExposition } from './exposition.ts';
import { FakeEvents } from './fake-semaphore.ts';
import { FakeServer } from './scripted-run.ts';

const samplesOf = async (metrics: Metrics) => Object.fromEntries(parseExposition(await metrics.render()));
const fresh = (): Metrics => createMetrics({ cacheMs: 0 });

describe('an event with next to nothing in it', () => {
  it('of a server counts under the most general label', async () => {
    const [metrics, server] = [fresh(), new FakeServer()];
    metrics.observeServer(server);
    for (const name of ['closed', 'sessionEnded', 'resumed', 'finished', 'shed', 'draining']) server.emit(name, {});
    expect(await samplesOf(metrics)).toMatchObject({
      'mcp_ws_closes_total{code="1005"}': 1,
      'mcp_requests_total{outcome="ok",tool="other",transport="other"}': 1,
      'mcp_resumes_total{result="resumed"}': 1,
      'mcp_sessions_ended_total{reason="other"}': 1,
      'mcp_shed_total{reason="other"}': 1,
    });
  });

  it.each([
    ['CANCELLED', 'cancelled'],
    ['DEADLINE_EXCEEDED', 'timeout'],
    ['QUEUE_TIMEOUT', 'timeout'],
    ['OVER_CAPACITY', 'shed'],
    ['SERVER_DRAINING', 'shed'],
    ['RATE_LIMITED', 'shed'],
    ['CIRCUIT_OPEN', 'shed'],
    ['INTERNAL', 'error'],
    [null, 'ok'],
  ])('of a call that ended with %s says %s', async (code, outcome) => {
    const [metrics, server] = [fresh(), new FakeServer()];
    metrics.observeServer(server);
    server.emit('finished', { transport: 'ws', tool: 'chat', code });
    expect(await samplesOf(metrics)).toMatchObject({
      [`mcp_requests_total{outcome="${outcome}",tool="chat",transport="ws"}`]: 1,
    });
  });

  it('of an engine counts a run that nobody saw begin, and how it ended', async () => {
    const [metrics, engine] = [fresh(), new FakeEvents()];
    metrics.observeEngine(engine);
    engine.emit('step.finished', { runId: 'r' });
    engine.emit('run.finished', { runId: 'r' });
    engine.emit('run.finished', { runId: 's', stop: { kind: 'complete' }, result: { steps: 3 } });
    engine.emit('run.finished', { runId: 't', stop: { kind: 'complete', verified: true } });
    expect(await samplesOf(metrics)).toMatchObject({
      'mcp_workflow_steps_total{tool="other"}': 1,
      'mcp_workflow_stops_total{reason="other",tool="other"}': 1,
      'mcp_workflow_stops_total{reason="complete_unverified",tool="other"}': 1,
      'mcp_workflow_stops_total{reason="complete",tool="other"}': 1,
    });
  });

  it('of a reviewer says no more of the calibration than is known', async () => {
    const [metrics, engine] = [fresh(), new FakeEvents()];
    metrics.observeEngine(engine);
    engine.emit('run.started', { runId: 'r', workflow: 'debug' });
    engine.emit('verdict', { runId: 'r', ok: true });
    engine.emit('claim', { runId: 'r', p: 7 });
    engine.emit('verdict', { runId: 'r', ok: false });
    engine.emit('claim', { runId: 'r', p: 0.75 });
    engine.emit('verdict', { runId: 'r', ok: 'unknown' });
    expect(await samplesOf(metrics)).not.toHaveProperty(['mcp_workflow_calibration_error{tool="debug"}']);
    engine.emit('verdict', { runId: 'r', ok: true });
    expect(await samplesOf(metrics)).toHaveProperty(['mcp_workflow_calibration_error{tool="debug"}'], 0.25);
  });

  it('of ten thousand runs that never end is forgotten, the oldest first', async () => {
    const [metrics, engine] = [fresh(), new FakeEvents()];
    metrics.observeEngine(engine);
    for (let run = 0; run <= 10_000; run += 1) engine.emit('run.started', { runId: `r${run}`, workflow: 'debug' });
    engine.emit('step.finished', { runId: 'r0' });
    engine.emit('step.finished', { runId: 'r1' });
    expect(await samplesOf(metrics)).toMatchObject({
      'mcp_workflow_steps_total{tool="other"}': 1,
      'mcp_workflow_steps_total{tool="debug"}': 1,
    });
  });
});
