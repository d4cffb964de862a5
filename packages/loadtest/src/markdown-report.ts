import { formatMs } from './duration.ts';
import type { GroupSummary, RunResult } from './run-result.ts';

/** Writes a result as Markdown, short enough for a pull request. */
export function renderMarkdown(result: RunResult): string {
  const { scenario, verdict, totals, load, meta, thresholds, selfChecks, byTool } = result;
  const bad = selfChecks.filter(({ status }) => status !== 'ok');
  return [
    `### ${plain(scenario.name)}: ${verdict.status} (exit ${verdict.exit})`,
    '',
    ...verdict.reasons.map((reason) => `- ${plain(reason)}`),
    ...(verdict.reasons.length > 0 ? [''] : []),
    `${totals.calls} calls in ${(load.measuredMs / 1000).toFixed(1)} s (${load.kind}, time scale ${meta.timeScale}): ${totals.outcomes.ok} ok, ${totals.calls - totals.outcomes.ok} not ok, ${totals.lost} lost; ${load.okPerSecond} good ends per second.`,
    '',
    '| | calls | ok | p50 | p95 | p99 | max |',
    '|---|--:|--:|--:|--:|--:|--:|',
    row('all', totals),
    ...byTool.map((group) => row(group.name, group)),
    '',
    ...(thresholds.length > 0
      ? [
          '| threshold | | |',
          '|---|---|---|',
          ...thresholds.map(({ text, status, why }) => `| \`${code(text)}\` | ${status} | ${plain(why)} |`),
          '',
        ]
      : []),
    ...bad.map(
      ({ id, status, value, limit, unit }) => `- self-check ${id}: ${status} (${value} ${unit}, limit ${limit})`,
    ),
    '',
  ].join('\n');
}

function row(name: string, { calls, outcomes, latency }: GroupSummary): string {
  const cells = [0.5, 0.95, 0.99].map((p) => {
    const found = latency.response?.percentiles.find((one) => one.p === p);
    if (found?.value === undefined) return '–';
    return found.supported ? formatMs(found.value) : `*${formatMs(found.value)}*`;
  });
  return `| ${plain(name)} | ${calls} | ${outcomes.ok} | ${cells.join(' | ')} | ${latency.response ? formatMs(latency.response.max) : '–'} |`;
}

/** Names and codes come from outside: nothing of them may become markup. */
function plain(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ');
}

function code(text: string): string {
  return text.replaceAll(/[`|\n]/g, ' ');
}
