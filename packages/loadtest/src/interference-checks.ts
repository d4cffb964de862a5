import type { ClientState } from './client-watch.ts';
import { round } from './group-summary.ts';
import type { Judged, MeasuredPair } from './interference.ts';
import type { SelfCheck } from './run-result.ts';
import { LAG_FLOOR_MS, LAG_SHARE, MOST_LOAD_PER_CORE } from './self-checks.ts';
import { meanOfValues, percentileOf } from './statistics.ts';

/** Share of stolen processor time beyond which an alarm is not believed. */
const MOST_STEAL = 0.05;

interface CheckInput {
  found: readonly MeasuredPair[];
  client: ClientState;
  judged: Judged;
  /** An alarm that is none once the client's own lateness is taken off. */
  isOwnFault: boolean;
  maxStallMs: number;
}

/**
 * Asks whether the client can be a witness. A stall or a late schedule voids every verdict; a machine that had more work
 * than processors voids an alarm, for it slows whoever has more to do, and is a warning otherwise.
 */
export function interferenceChecks({ found, client, judged, isOwnFault, maxStallMs }: CheckInput): SelfCheck[] {
  const { longestStallMs, loadAverage, cores, stealShare } = client;
  const lagMs = percentileOf(Float64Array.from(found.flatMap((pair) => pair.lags)).sort(), 0.99) ?? 0;
  const lagLimit = Math.max(LAG_FLOOR_MS, LAG_SHARE * meanOfValues(found.map(({ withoutMs }) => withoutMs)));
  const loadLimit = cores * MOST_LOAD_PER_CORE;
  const ownMs = meanOfValues(found.map(({ lagWithMs, lagWithoutMs }) => lagWithMs - lagWithoutMs));
  const doubt = judged.verdict === 'interference' ? 'fail' : 'warn';
  return [
    check('event-loop', longestStallMs, maxStallMs, 'ms', longestStallMs >= maxStallMs && 'fail', WHY.loop),
    check('send-lag', lagMs, lagLimit, 'ms', lagMs > lagLimit && 'fail', WHY.lag),
    check('own-lateness', ownMs, Math.max(0, judged.effectMs), 'ms', isOwnFault && 'fail', WHY.own),
    check('host', loadAverage, loadLimit, 'load', loadAverage > loadLimit && doubt, WHY.host),
    check('cpu-steal', stealShare, MOST_STEAL, 'share', stealShare > MOST_STEAL && doubt, WHY.steal),
  ];
}

const WHY = {
  loop: 'longest time in which the load tester itself did not run',
  lag: 'p99 of sent less due: beyond it the schedule was not the one asked for',
  own: "how much later the client's own timers were under the aggressor; taken off twice, for the send and the read, it must leave an alarm one",
  host: 'load average of this machine: with more work than processors everything slows what calls more',
  steal: 'processor time that the host of this virtual machine kept for itself',
};

function check(
  id: string,
  value: number,
  limit: number,
  unit: string,
  bad: 'fail' | 'warn' | false,
  why: string,
): SelfCheck {
  return { id, status: bad || 'ok', value: round(value), limit: round(limit), unit, why };
}
