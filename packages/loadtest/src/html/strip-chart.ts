import { formatMs } from '../duration.ts';
import type { InterferenceResult } from '../interference.ts';
import type { RecoveryEvent } from '../run-result.ts';
import { html, type Html } from './html.ts';
import { coordinate, ticksUpTo } from './scale.ts';

const WIDTH = 1060;
const LEFT = 70;

/** The blocks of an interference test in the order they ran: orange with the aggressor, blue without. */
export function renderInterferenceStrip({ pairs }: InterferenceResult): Html {
  const blocks = pairs.flatMap(({ withMs, withoutMs, first }) => {
    const both = [
      { ms: withMs, isFlooded: true },
      { ms: withoutMs, isFlooded: false },
    ];
    return first === 'with' ? both : both.reverse();
  });
  const ticks = ticksUpTo(Math.max(...blocks.map(({ ms }) => ms)), 4);
  const most = ticks.at(-1) ?? 1;
  const step = (WIDTH - LEFT - 10) / Math.max(1, blocks.length);
  const y = (ms: number): number => 150 - (134 * ms) / most;
  return html`<div class="legend">
      <span><i class="key ka"></i>victim alone</span><span><i class="key kb"></i>beside the aggressor</span
      ><span>each bar: median response of the victim in one block, in the order they ran</span>
    </div>
    <svg class="wide" viewBox="0 0 ${WIDTH} 160" role="img" aria-label="blocks of the interference test">
      ${ticks.map(
        (tick) =>
          html`<line
              class="grid"
              x1="${LEFT}"
              x2="${WIDTH - 10}"
              y1="${coordinate(y(tick))}"
              y2="${coordinate(y(tick))}"
            /><text x="${LEFT - 8}" y="${coordinate(y(tick) + 4)}" text-anchor="end"
              >${tick === 0 ? '0' : formatMs(tick)}</text
            >`,
      )}
      ${blocks.map(
        ({ ms, isFlooded }, index) =>
          html`<rect
            class="${isFlooded ? 'fb' : 'fa'}"
            x="${coordinate(LEFT + index * step + step * 0.15)}"
            y="${coordinate(y(ms))}"
            width="${coordinate(step * 0.7)}"
            height="${coordinate(Math.max(1, 150 - y(ms)))}"
            rx="2"
            ><title>${formatMs(ms)}</title></rect
          >`,
      )}
    </svg>`;
}

/** One row per fault: injected, detected, repaired, throughput back. */
export function renderRecoveryStrip(events: readonly RecoveryEvent[], endMs: number): Html {
  const x = (ms: number): number => LEFT + 90 + ((WIDTH - LEFT - 110) * ms) / Math.max(1, endMs);
  const height = events.length * 44 + 26;
  return html`<div class="legend">
      <span><i class="key kbad"></i>injected to repaired</span><span><i class="key kb"></i>detected</span
      ><span><i class="key kc"></i>throughput back</span>
    </div>
    <svg class="wide" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="recovery timeline">
      ${ticksUpTo(endMs / 1000, 8)
        .filter((seconds) => seconds * 1000 <= endMs)
        .map(
          (seconds) =>
            html`<line
                class="grid"
                x1="${coordinate(x(seconds * 1000))}"
                x2="${coordinate(x(seconds * 1000))}"
                y1="4"
                y2="${height - 22}"
              /><text x="${coordinate(x(seconds * 1000))}" y="${height - 6}" text-anchor="middle">${seconds} s</text>`,
        )}
      ${events.map((event, index) => renderEvent(event, index * 44 + 24, x, endMs))}
    </svg>
    ${renderEventTable(events)}`;
}

function renderEventTable(events: readonly RecoveryEvent[]): Html {
  const after = (ms: number | undefined): string => (ms === undefined ? 'not seen' : formatMs(ms));
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th>fault</th>
          <th>at</th>
          <th>detected after</th>
          <th>repaired after</th>
          <th>throughput back after</th>
          <th>failures meanwhile</th>
        </tr>
      </thead>
      <tbody>
        ${events.map(
          (event) =>
            html`<tr>
              <td>${event.kind} ${event.provider} × ${event.count}</td>
              <td>${formatMs(event.injectedAtMs)}</td>
              <td>${after(event.detectedAfterMs)}</td>
              <td>${after(event.repairedAfterMs)}</td>
              <td>${after(event.throughputBackAfterMs)}</td>
              <td>${event.failuresDuring}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function renderEvent(event: RecoveryEvent, middle: number, x: (ms: number) => number, endMs: number): Html {
  const { injectedAtMs: at, detectedAfterMs, repairedAfterMs, throughputBackAfterMs } = event;
  const end = repairedAfterMs === undefined ? endMs : at + repairedAfterMs;
  const dot = (ms: number | undefined, colour: string, label: string): Html | undefined =>
    ms === undefined
      ? undefined
      : html`<circle class="${colour}" cx="${coordinate(x(at + ms))}" cy="${middle}" r="6"
          ><title>${label} after ${formatMs(ms)}</title></circle
        >`;
  return html`<g>
    <text class="value" x="${LEFT + 74}" y="${middle + 4}" text-anchor="end">${event.kind} ${event.provider}</text>
    <rect
      class="fbad"
      x="${coordinate(x(at))}"
      y="${middle - 4}"
      width="${coordinate(Math.max(2, x(end) - x(at)))}"
      height="8"
      rx="4"
      ><title>
        ${repairedAfterMs === undefined ? 'not repaired' : `repaired after ${formatMs(repairedAfterMs)}`}
      </title></rect
    >
    ${dot(detectedAfterMs, 'fb', 'detected')}${dot(throughputBackAfterMs, 'fc', 'throughput back')}
  </g>`;
}
