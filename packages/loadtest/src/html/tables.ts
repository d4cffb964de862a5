import { formatMs } from '../duration.ts';
import type { GroupSummary, LatencySummary, RunResult } from '../run-result.ts';
import { html, type Html } from './html.ts';

const TONE: Readonly<Record<string, 'good' | 'mid' | 'bad'>> = {
  ok: 'good',
  pass: 'good',
  passed: 'good',
  warn: 'mid',
  undecided: 'mid',
  interrupted: 'mid',
};

/** Colour of a status. */
export function toneOf(status: string): 'good' | 'mid' | 'bad' {
  return TONE[status] ?? 'bad';
}

/** Thresholds and self-checks, side by side. */
export function renderChecks({ selfChecks, thresholds }: RunResult): Html {
  return html`<div class="two">
    <div class="panel">
      <h3>Thresholds</h3>
      ${
        thresholds.length === 0
          ? html`<p class="soft">This scenario has none.</p>`
          : html`<div class="scroll">
              <table>
                <tbody>
                  ${thresholds.map(
                    ({ status, text, why }) =>
                      html`<tr>
                        <td><span class="tag ${toneOf(status)}">${status}</span></td>
                        <td class="left"><code>${text}</code><br /><span class="soft small">${why}</span></td>
                      </tr>`,
                  )}
                </tbody>
              </table>
            </div>`
      }
    </div>
    <div class="panel">
      <h3>Self-checks of the load tester</h3>
      <div class="scroll">
        <table>
          <tbody>
            ${selfChecks.map(
              ({ status, id, value, limit, unit, why }) =>
                html`<tr>
                  <td><span class="tag ${toneOf(status)}">${status}</span></td>
                  <td class="left">
                    ${id}: ${value} ${unit} <span class="soft">(limit ${limit})</span><br /><span class="soft small"
                      >${why}</span
                    >
                  </td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </div>
  </div>`;
}

const KINDS: readonly [keyof GroupSummary['latency'], string, string][] = [
  ['response', 'response', 'from due to end'],
  ['service', 'service', 'from sent to end'],
  ['firstEvent', 'first event', 'from sent to the first frame'],
  ['firstToken', 'first token', 'from sent to the first piece of the answer'],
  ['maxGap', 'longest gap', 'between two pieces of one answer'],
  ['perToken', 'per token', 'after the first token, per further token'],
  ['queued', 'queued', 'wait for admission and permits, as the server says'],
  ['overhead', 'overhead', 'service less the simulated work: wait and overhead as seen from outside'],
];

/** Every kind of time with its percentiles; unscaled values beside a scaled run. */
export function renderLatencyTable({ totals, meta }: RunResult): Html {
  const isScaled = meta.timeScale !== 1;
  return html`<div class="panel scroll">
    <table>
      <thead>
        <tr>
          <th>time</th>
          <th>n</th>
          <th>cut off</th>
          <th>mean</th>
          <th>p50</th>
          <th>p90</th>
          <th>p95</th>
          <th>p99</th>
          <th>max</th>
          ${
            isScaled &&
            html`<th>p50 unscaled</th>
              <th>p95 unscaled</th>`
          }
          <th>method</th>
        </tr>
      </thead>
      <tbody>
        ${KINDS.flatMap(([kind, name, meaning]) => {
          const latency = totals.latency[kind];
          if (!latency) return [];
          return [
            html`<tr>
              <td class="left kind">${name}<br /><span class="soft small">${meaning}</span></td>
              <td>${latency.n}</td>
              <td>${latency.censored}</td>
              <td>${formatMs(latency.mean)}</td>
              ${[0.5, 0.9, 0.95, 0.99].map((p) => percentileCell(latency, p))}
              <td>${formatMs(latency.max)}</td>
              ${isScaled && [0.5, 0.95].map((p) => percentileCell(latency, p, meta.timeScale))}
              <td class="soft">${latency.method}</td>
            </tr>`,
          ];
        })}
      </tbody>
    </table>
    <p class="soft small">
      A percentile in italics rests on fewer calls than it needs (p50: 5, p90: 29, p95: 59, p99: 299) and is not
      supported. Calls cut off by a time-out or by the end of the run count as still running at their age.
    </p>
  </div>`;
}

function percentileCell(latency: LatencySummary | undefined, p: number, scale = 1): Html {
  const found = latency?.percentiles.find((one) => one.p === p);
  if (found?.value === undefined) return html`<td class="weak">–</td>`;
  const range =
    found.low === undefined || found.high === undefined
      ? ''
      : `95 % interval ${formatMs(found.low / scale)} to ${formatMs(found.high / scale)}; `;
  const n = (latency?.n ?? 0) + (latency?.censored ?? 0);
  return html`<td class="${found.supported ? '' : 'weak'}" title="${range}n ${n}, needs ${found.floor}">
    ${formatMs(found.value / scale)}
  </td>`;
}

/** One row per tool, provider and session. */
export function renderGroups({ totals, byTool, byProvider, bySession }: RunResult): Html {
  const group = (title: string, rows: readonly GroupSummary[]): Html | undefined =>
    rows.length === 0
      ? undefined
      : html`<tr class="group">
            <td colspan="13">${title}</td>
          </tr>
          ${rows.map(groupRow)}`;
  return html`<div class="panel scroll">
    <table>
      <thead>
        <tr>
          <th></th>
          <th>calls</th>
          <th>ok</th>
          <th>not ok</th>
          <th>timed out</th>
          <th>lost</th>
          <th>n</th>
          <th>p50</th>
          <th>p90</th>
          <th>p95</th>
          <th>p99</th>
          <th>max</th>
          <th>queued p50</th>
        </tr>
      </thead>
      <tbody>
        ${groupRow(totals)}${group('per tool', byTool)}${group('per provider', byProvider)}${group('per session', bySession)}
      </tbody>
    </table>
  </div>`;
}

function groupRow(group: GroupSummary): Html {
  const { response, queued } = group.latency;
  return html`<tr>
    <td>${group.name}</td>
    <td>${group.calls}</td>
    <td>${group.outcomes.ok}</td>
    <td>${group.calls - group.outcomes.ok}</td>
    <td>${group.timeouts}</td>
    <td>${group.lost}</td>
    <td>${response?.n ?? 0}</td>
    ${[0.5, 0.9, 0.95, 0.99].map((p) => percentileCell(response, p))}
    <td>${response ? formatMs(response.max) : '–'}</td>
    ${percentileCell(queued, 0.5)}
  </tr>`;
}

/** How calls ended, by outcome and code, and what the wire saw. */
export function renderOutcomes({ totals, wire }: RunResult): Html {
  const rows = [['ok', totals.outcomes.ok] as const, ...Object.entries(totals.codes)];
  const frames: [string, number][] = [
    ['connections opened', wire.connectsOpened],
    ['connections refused', wire.connectsFailed],
    ['reconnects', wire.reconnects],
    ['frames sent', wire.framesSent],
    ['frames received', wire.framesReceived],
    ['late answers', wire.late],
    ['duplicate answers', wire.duplicate],
    ['unsolicited frames', wire.unsolicited],
    ['malformed frames', wire.malformed],
    ...Object.entries(wire.closedByCode).map(([code, count]): [string, number] => [`closed with ${code}`, count]),
  ];
  const table = (title: string, pairs: readonly (readonly [string, number])[]): Html =>
    html`<div class="panel">
      <h3>${title}</h3>
      <table>
        <tbody>
          ${pairs.map(
            ([name, count]) =>
              html`<tr>
                <td>${name}</td>
                <td>${count}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  return html`<div class="two">${table('How calls ended', rows)}${table('On the wire', frames)}</div>`;
}
