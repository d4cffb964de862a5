import { formatMs } from './duration.ts';
import type { GroupSummary, LatencySummary, RunResult } from './run-result.ts';

/** Writes a result for a terminal: verdict first, then what it rests on. */
export function renderSummary(result: RunResult): string {
  const { load, totals, meta, verdict, scenario, wire } = result;
  const { outcomes } = totals;
  const lines = [
    `${scenario.name}: ${verdict.status.toUpperCase()} (exit ${verdict.exit})`,
    ...verdict.reasons.map((reason) => `  - ${reason}`),
    '',
    `target     ${meta.target.url ?? meta.target.kind}${meta.target.server === undefined ? '' : ` (${meta.target.server})`}`,
    `load       ${describeLoad(result)}`,
    `calls      ${totals.calls} measured: ${outcomes.ok} ok, ${totals.calls - outcomes.ok} not ok, ${totals.timeouts} timed out, ${totals.lost} lost, ${totals.unexpected} unexpected`,
    `rate       ${load.okPerSecond}/s ok, ${load.meanInFlight} in flight on average, ${load.peakInFlight} at most`,
    `fairness   Jain ${result.fairness} over ${result.bySession.length} sessions`,
    `wire       ${wire.connectsOpened} of ${wire.connectsTried} connections, ${wire.reconnects} reconnects, ${wire.late} late, ${wire.duplicate} duplicate, ${wire.unsolicited} unsolicited frames`,
  ];
  const codes = Object.entries(totals.codes);
  if (codes.length > 0) lines.push(`not ok     ${codes.map(([code, count]) => `${count} ${code}`).join(', ')}`);
  if (result.permits) lines.push(`permits    ${describePermits(result.permits)}`);
  if (result.spend) lines.push(`spend      ${describeSpend(result.spend)}`);
  for (const event of result.recovery ?? []) lines.push(`recovery   ${describeRecovery(event)}`);
  lines.push('', ...table(result), '', ...checks(result));
  return lines.join('\n');
}

function describeLoad({ load, meta, scenario }: RunResult): string {
  const seconds = (load.measuredMs / 1000).toFixed(1);
  const sessions = scenario.load.kind === 'sessions' ? 'arriving sessions' : `${scenario.load.sessions} sessions`;
  const scale = meta.timeScale === 1 ? '' : `, time scale ${meta.timeScale}`;
  return `${load.kind}, ${sessions}, ${seconds} s measured + ${(load.drainedMs / 1000).toFixed(1)} s drain${scale}, seed ${meta.seed}`;
}

/** What a run cost, and whether that ended it. */
export function describeSpend({ usd, limitUsd, stopped }: NonNullable<RunResult['spend']>): string {
  return `$${usd.toFixed(2)} of at most $${limitUsd.toFixed(2)}${stopped ? ', which ended the load' : ''}`;
}

function describePermits(permits: NonNullable<RunResult['permits']>): string {
  const { success, partial, failed } = permits.recoveries;
  return `${permits.scrapes} readings, ${permits.violations.length} violations, ${permits.leaks} leaked at the end, ${permits.leaksDetected} leaks found by the server, ${success}/${partial}/${failed} recoveries (success/partial/failed)`;
}

function describeRecovery(event: NonNullable<RunResult['recovery']>[number]): string {
  const after = (ms: number | undefined): string => (ms === undefined ? 'never seen' : formatMs(ms));
  return `${event.kind} ${event.provider} x${event.count} at ${formatMs(event.injectedAtMs)}: detected ${after(event.detectedAfterMs)}, repaired ${after(event.repairedAfterMs)}, throughput back ${after(event.throughputBackAfterMs)}, ${event.failuresDuring} failures meanwhile`;
}

const COLUMNS = [
  '',
  'calls',
  'ok',
  'not ok',
  'lost',
  'n',
  'service p50',
  'response p50',
  'p90',
  'p95',
  'p99',
  'max',
  'queued p50',
];

function table(result: RunResult): string[] {
  const groups: [string, GroupSummary[]][] = [
    ['tool', result.byTool],
    ['provider', result.byProvider],
    ['session', result.bySession.slice(0, 30)],
  ];
  const rows = [
    row('all', result.totals),
    ...groups.flatMap(([kind, list]) => list.map((group) => row(`${kind} ${group.name}`, group))),
  ];
  const widths = COLUMNS.map((title, index) =>
    Math.max(title.length, ...rows.map((cells) => cells[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ');
  return [
    line(COLUMNS),
    ...rows.map(line),
    'a percentile in brackets rests on fewer calls than it needs (p50: 5, p90: 29, p95: 59, p99: 299)',
  ];
}

function row(name: string, group: GroupSummary): string[] {
  const { response, service, queued } = group.latency;
  return [
    name,
    String(group.calls),
    String(group.outcomes.ok),
    String(group.calls - group.outcomes.ok),
    String(group.lost),
    String(response?.n ?? 0),
    percentile(service, 0.5),
    ...[0.5, 0.9, 0.95, 0.99].map((p) => percentile(response, p)),
    response ? formatMs(response.max) : '-',
    percentile(queued, 0.5),
  ];
}

function percentile(latency: LatencySummary | undefined, p: number): string {
  const found = latency?.percentiles.find((one) => one.p === p);
  if (found?.value === undefined) return '-';
  return found.supported ? formatMs(found.value) : `(${formatMs(found.value)})`;
}

function checks({ selfChecks, thresholds }: RunResult): string[] {
  return [
    ...selfChecks.map(
      ({ status, id, value, limit, unit }) => `${status.padEnd(9)} self-check ${id}: ${value} ${unit} (limit ${limit})`,
    ),
    ...thresholds.map(({ status, text, why }) => `${status.padEnd(9)} ${text}: ${why}`),
  ];
}
