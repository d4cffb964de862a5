import { sleep, systemClock } from './clock.ts';
import type { Driver, PlannedCall } from './driver.ts';
import type { PermitWatch } from './permit-watch.ts';
import type { PermitAudit } from './run-result.ts';

/** How connections are cut. */
export interface AuditDisconnectsOptions {
  /** A fresh driver for each cycle. */
  createDriver: () => Driver;
  permits: PermitWatch;
  cycles: number;
  /** Connections per cycle, each with two calls running when it is cut. */
  sessions: number;
  /** Service time of the calls, in milliseconds. @defaultValue 150 */
  serviceMs?: number;
}

const CALLS = 2;

/** Cuts connections under running calls and reads, after each round, whether every permit has come back. */
export async function auditDisconnects(options: AuditDisconnectsOptions): Promise<PermitAudit> {
  const { createDriver, permits, cycles, sessions, serviceMs = 150 } = options;
  const start = systemClock.now();
  permits.start(() => systemClock.now() - start);
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const driver = createDriver();
    const connections = await Promise.all(
      Array.from({ length: sessions }, (_, index) => driver.connect(index, () => undefined)),
    );
    for (const [index, connection] of connections.entries()) {
      for (let call = 0; call < CALLS; call += 1) connection.send(planned(index, serviceMs), IGNORED);
    }
    await sleep(systemClock, serviceMs / 3);
    await Promise.all(connections.map((connection) => connection.close()));
    await driver.close?.();
    await sleep(systemClock, serviceMs);
  }
  await permits.settle(100);
  return permits.audit();
}

const IGNORED = { event: () => undefined, piece: () => undefined, end: () => undefined };

function planned(index: number, serviceMs: number): PlannedCall {
  const provider = index % 2 === 0 ? 'kimi' : 'glm';
  return {
    entry: 0,
    tool: 'chat',
    provider,
    serviceMs,
    deadlineMs: 30_000,
    forcedTimeout: false,
    arguments: { prompt: 'ping', provider, simulate: { serviceMs } },
  };
}
