import type { Metrics } from '../src/index.ts';
import { FakeEvents, FakeSemaphore } from './fake-semaphore.ts';
import type { ObservableServerStats } from '../src/observe-server.ts';

/** A server whose counts a test writes. */
export class FakeServer extends FakeEvents {
  now: ObservableServerStats = {
    sessions: 0,
    connections: 0,
    bufferedBytesMax: 0,
    callsInFlight: 0,
    draining: false,
  };

  stats(): FakeServer['now'] {
    return this.now;
  }
}

/** The components of one scripted run. */
export interface Components {
  readonly semaphore: FakeSemaphore;
  readonly provider: FakeEvents;
  readonly engine: FakeEvents;
  readonly server: FakeServer;
}

/** Observes one fake of each component. */
export function observeAll(metrics: Metrics): Components {
  const components = {
    semaphore: new FakeSemaphore(),
    provider: new FakeEvents(),
    engine: new FakeEvents(),
    server: new FakeServer(),
  };
  metrics.observeSemaphore(components.semaphore);
  metrics.observeProvider(components.provider, { provider: 'glm' });
  metrics.observeEngine(components.engine);
  metrics.observeServer(components.server);
  return components;
}

/** One of everything that can happen, in every component. */
export function runScript({ semaphore, provider, engine, server }: Components): void {
  for (const tier of [semaphore.global, semaphore.session, ...Object.values(semaphore.providers)]) moveTier(tier);
  semaphore.emit('overdue', { provider: 'glm' });
  semaphore.emit('limitChanged', { provider: 'glm', limit: 1, was: 2 });
  semaphore.emit('health', { healthy: true });

  const call = { provider: 'glm', model: 'glm-4.6', requestId: 'r1' };
  provider.emit('attempt', call);
  provider.emit('firstToken', { ...call, firstTokenMs: 900 });
  provider.emit('stalled', { ...call, phase: 'text' });
  provider.emit('resumed', { ...call, phase: 'text' });
  provider.emit('retried', { ...call, code: 'RATE_LIMITED' });
  provider.emit('hedged', call);
  const usage = { inputTokens: 100, outputTokens: 40, reasoningTokens: 10, cachedTokens: 60 };
  provider.emit('finished', { ...call, durationMs: 12_000, usage, cost: 0.002 });
  provider.emit('failed', { ...call, code: 'TIMEOUT', phase: 'first', source: 'learned' });
  provider.emit('breakerChanged', { ...call, state: 'open' });

  engine.emit('run.started', { runId: 'w1', workflow: 'debug' });
  engine.emit('step.finished', { runId: 'w1', step: 1 });
  engine.emit('step.finished', { runId: 'w1', step: 2 });
  engine.emit('claim', { runId: 'w1', p: 0.8 });
  engine.emit('verdict', { runId: 'w1', ok: false });
  engine.emit('run.finished', { runId: 'w1', stop: { kind: 'complete', verified: true }, result: { steps: 2 } });

  server.now = {
    sessions: 2,
    connections: 3,
    bufferedBytesMax: 4096,
    callsInFlight: 1,
    draining: true,
    storeFailed: true,
    account: { failed: true, leased: { glm: 2 } },
    faults: true,
  };
  server.emit('sessionStarted', {});
  server.emit('sessionEnded', { reason: 'expired' });
  server.emit('resumed', { ok: true });
  server.emit('closed', { code: 1000 });
  server.emit('finished', { transport: 'ws', tool: 'chat_EXAI-WS', durationMs: 15_000, queuedMs: 300, replayed: true });
  server.emit('finished', { transport: 'ws', tool: 'debug', durationMs: 100, code: 'OVER_CAPACITY' });
  server.emit('shed', { code: 'OVER_CAPACITY' });
  server.emit('draining', {});
}

function moveTier(tier: FakeSemaphore['global']): void {
  tier.held = 1;
  tier.leaked = 1;
  tier.waiting = 2;
  tier.limit = 1;
  tier.oldestHoldMs = 5_000;
  tier.granted = 7;
  tier.released = 5;
  tier.lateReleases = 1;
  tier.leaksDetected = 2;
  tier.recovered = 1;
  tier.rejected = { ...tier.rejected, SHED: 1 };
  tier.recoveries = { success: 1, partial: 0, failed: 0 };
  tier.wait = {
    ...tier.wait,
    counts: tier.wait.counts.map((count, index) => (index === 10 ? count + 1 : count)),
    sumMs: 7_000,
    count: 1,
  };
}
