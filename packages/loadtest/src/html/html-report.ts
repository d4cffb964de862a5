import { createHash } from 'node:crypto';

import { formatMs } from '../duration.ts';
import type { LatencySummary, RunResult } from '../run-result.ts';
import { html, type Html } from './html.ts';
import { renderLineChart } from './line-chart.ts';
import { renderPermits } from './permits.ts';
import { renderRangeChart } from './range-chart.ts';
import { describeSharing } from '../interference.ts';
import { renderInterferenceStrip, renderRecoveryStrip } from './strip-chart.ts';
import { STYLE } from './style.ts';
import { renderChecks, renderGroups, renderLatencyTable, renderOutcomes, toneOf } from './tables.ts';

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

/** Writes a result as one HTML file that loads nothing, runs no script, and is the same bytes for the same result. */
export function renderHtml(result: RunResult): string {
  const { scenario, verdict } = result;
  const body = html`<main>
    <header>
      <h1>${scenario.name}</h1>
      <span class="badge ${toneOf(verdict.status)}">${verdict.status}</span>
    </header>
    <p class="soft">${scenario.description ?? ''}</p>
    ${
      verdict.reasons.length > 0 &&
      html`<ul class="reasons">
        ${verdict.reasons.map((reason) => html`<li>${reason}</li>`)}
      </ul>`
    }
    ${renderCards(result)}
    <h2>Can this be believed?</h2>
    ${renderChecks(result)}
    <h2>Latency</h2>
    ${renderLatencyTable(result)}
    <h2>Over time</h2>
    <div class="two">${renderLatencyChart(result)}${renderFlowChart(result)}</div>
    <h2>Who waited</h2>
    <div class="two">
      ${renderRangeChart('Response per tool', result.byTool)}${
        result.bySession.length > 0 &&
        renderRangeChart(
          'Response per session',
          result.bySession.slice(0, 24).map((group) => ({ ...group, name: `session ${group.name}` })),
        )
      }
    </div>
    <h2>Every group</h2>
    ${renderGroups(result)} ${result.interference && renderInterference(result)}
    ${result.permits && renderPermits(result, result.permits)}
    ${
      result.recovery &&
      html`<h2>Recovery</h2>
        <div class="panel">${renderRecoveryStrip(result.recovery, result.load.measuredMs + result.load.warmupMs)}</div>`
    }
    <h2>Outcomes</h2>
    ${renderOutcomes(result)} ${renderFooter(result)}
  </main>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${html`${scenario.name}: ${verdict.status}`.markup}</title>
<style>${STYLE}</style></head><body>
${body.markup}
</body></html>
`;
}

function renderCards({ totals, load, fairness, meta, spend }: RunResult): Html {
  const card = (value: string | number, label: string): Html =>
    html`<div class="card"><b>${value}</b><span>${label}</span></div>`;
  const p = (latency: LatencySummary | undefined, share: number): string => {
    const found = latency?.percentiles.find((one) => one.p === share);
    if (!found?.supported || found.value === undefined) return 'too few calls';
    return formatMs(found.value);
  };
  return html`<div class="cards">
    ${card(totals.calls, 'calls measured')}${card(totals.outcomes.ok, 'ended well')}${card(totals.calls - totals.outcomes.ok, 'did not')}
    ${card(totals.lost, 'lost')}${card(`${load.okPerSecond}/s`, 'good ends')}${card(p(totals.latency.response, 0.5), 'response p50')}
    ${card(p(totals.latency.response, 0.95), 'response p95')}${card(fairness, 'fairness (Jain)')}
    ${meta.timeScale !== 1 && card(`× ${meta.timeScale}`, 'time scale')}${spend && card(`$${spend.usd.toFixed(2)}`, spend.stopped ? 'spent: the limit ended the load' : 'spent')}
  </div>`;
}

function renderLatencyChart({ timeline, load, recovery = [] }: RunResult): Html {
  const { windows, windowMs } = timeline;
  const points = (
    pick: (window: (typeof windows)[number]) => number | undefined,
  ): { x: number; y: number | undefined }[] =>
    windows.map((window) => ({ x: window.atMs + windowMs / 2, y: pick(window) }));
  return renderLineChart({
    title: 'Response and service time',
    endMs: load.warmupMs + load.measuredMs + load.drainedMs,
    formatY: (value) => (value === 0 ? '0' : formatMs(value)),
    marks: recovery.map(({ kind, injectedAtMs }) => ({ x: injectedAtMs, label: kind })),
    series: [
      { name: 'response p95', colour: 'b', points: points(({ responseP95 }) => responseP95) },
      { name: 'response p50', colour: 'a', points: points(({ responseP50 }) => responseP50), isArea: true },
      { name: 'service p50', colour: 'c', points: points(({ serviceP50 }) => serviceP50), isDashed: true },
    ],
  });
}

function renderFlowChart({ timeline, load }: RunResult): Html {
  const { windows, windowMs } = timeline;
  return renderLineChart({
    title: 'Calls in flight and good ends',
    endMs: load.warmupMs + load.measuredMs + load.drainedMs,
    formatY: (value) => String(value),
    series: [
      {
        name: 'in flight',
        colour: 'a',
        points: windows.map(({ atMs, inFlight }) => ({ x: atMs + windowMs / 2, y: inFlight })),
        isArea: true,
      },
      {
        name: 'good ends per second',
        colour: 'c',
        points: windows.map(({ atMs, ok }) => ({
          x: atMs + windowMs / 2,
          y: Math.round((ok / windowMs) * 100_000) / 100,
        })),
      },
    ],
  });
}

function renderInterference({ interference }: RunResult): Html | undefined {
  if (!interference) return undefined;
  const { p, effectMs, effect, detectableMs, verdict, alpha, tolerance } = interference;
  const tone = verdict === 'interference' ? 'bad' : verdict === 'undecided' || verdict === 'void' ? 'mid' : 'good';
  return html`<h2>Does one session suffer from another?</h2>
    <div class="panel">
      <p>
        <span class="tag ${tone}">${verdict.replace('_', ' ')}</span> ${describeSharing(interference)} effect
        ${formatMs(effectMs)} (${(effect * 100).toFixed(1)} %), exact p = ${p.toPrecision(2)}, alpha ${alpha}, tolerated
        ${(tolerance * 100).toFixed(0)} %; an effect of ${formatMs(detectableMs)} would have been found four times out
        of five.
      </p>
      ${renderInterferenceStrip(interference)}
    </div>`;
}

function renderFooter({ meta, scenario, load }: RunResult): Html {
  return html`<footer>
    <p>
      ${meta.tool} ${meta.version} · Node ${meta.node} · ${meta.platform} · load average ${meta.loadAverage} · started
      ${meta.startedAt} · seed ${meta.seed}
    </p>
    <p>
      Target ${meta.target.url ?? meta.target.kind}${meta.target.server === undefined ? '' : `, ${meta.target.server}`}
      · ${load.kind} load, ${formatMs(load.measuredMs)} measured, ${formatMs(load.warmupMs)} warm-up,
      ${formatMs(load.drainedMs)} drain · send lag p99 ${formatMs(load.sendLagP99Ms)} · mix
      ${scenario.mixMode ?? 'deck'}
    </p>
    ${meta.command !== undefined && html`<p><code>${meta.command}</code></p>`}
  </footer>`;
}
