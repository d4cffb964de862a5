import { runScenario } from './run-scenario.ts';
import { createStubServer } from './stub-server.ts';
import { ws } from './ws-driver.ts';

/** What this machine can do as a client. */
export interface ClientLimits {
  /** Calls per second over 15 sockets, with the answering stub in the same process. */
  callsPerSecond: number;
  /** How late calls are sent at 100 per second. */
  sendLagP99Ms: number;
  longestStallMs: number;
}

const LIMITS = { global: 1000, session: 1000, providers: { glm: 1000, kimi: 1000 } };

/** Measures the load tester itself against a stub that answers at once: two seconds of work. */
export async function calibrateClient(): Promise<ClientLimits> {
  const stub = await createStubServer({ limits: LIMITS, pieces: 0, healthCheckMs: 0 });
  const mix = [{ tool: 'chat', weight: 100, service: { dist: 'constant' as const, ms: 0 }, deadlineMs: 10_000 }];
  const fast = await runScenario(
    { name: 'calibrate-rate', durationMs: 800, warmupMs: 200, load: { kind: 'closed', sessions: 15 }, mix },
    { driver: ws({ url: stub.url }) },
  );
  const even = await runScenario(
    {
      name: 'calibrate-lag',
      durationMs: 1000,
      load: { kind: 'open', sessions: 5, rate: 100, arrivals: { kind: 'constant' } },
      mix,
    },
    { driver: ws({ url: stub.url }) },
  );
  await stub.close();
  const { sendLagP99Ms, longestStallMs } = even.load;
  return { callsPerSecond: fast.load.okPerSecond, sendLagP99Ms, longestStallMs };
}
