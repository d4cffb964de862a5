import type { ServerStats } from '../compose/exai-server.ts';

const CHECKS = 4;
const MAX_CHECK_MS = 10_000;

/** Calls `end` once when a server has had no session, no connection and no call for `idleMs`. */
export function exitWhenIdle(server: { stats(): ServerStats }, idleMs: number, end: () => void): void {
  let busyAt = performance.now();
  const timer = setInterval(
    () => {
      const { sessions, connections, callsInFlight } = server.stats();
      if (sessions + connections + callsInFlight > 0) busyAt = performance.now();
      else if (performance.now() - busyAt >= idleMs) {
        clearInterval(timer);
        end();
      }
    },
    Math.min(MAX_CHECK_MS, idleMs / CHECKS),
  );
  timer.unref();
}
