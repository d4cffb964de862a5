import { formatMs } from '../duration.ts';
import type { GroupSummary } from '../run-result.ts';
import { html, type Html } from './html.ts';
import { coordinate, ticksUpTo } from './scale.ts';

const WIDTH = 540;
const ROW = 26;
const LEFT = 108;
const RIGHT = 30;
const TOP = 8;
const BOTTOM = 26;

/** One bar per group from the fastest call to p95, with a tick at the median: who waits, at a glance. */
export function renderRangeChart(title: string, groups: readonly GroupSummary[]): Html {
  const rows = groups.flatMap((group) => (group.latency.response ? [{ group, latency: group.latency.response }] : []));
  const most = Math.max(1, ...rows.map(({ latency }) => latency.max));
  const ticks = ticksUpTo(most, 5);
  const end = ticks.at(-1) ?? most;
  const height = TOP + rows.length * ROW + BOTTOM;
  const x = (ms: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * ms) / end;
  return html`<figure class="panel">
    <h3>${title}</h3>
    <div class="legend">
      <span><i class="key ka"></i>fastest to p95</span><span><i class="key kb"></i>median</span
      ><span>thin line: to the slowest</span>
    </div>
    <svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">
      ${ticks.map(
        (tick) =>
          html`<line
              class="grid"
              x1="${coordinate(x(tick))}"
              x2="${coordinate(x(tick))}"
              y1="${TOP}"
              y2="${height - BOTTOM}"
            />
            <text x="${coordinate(x(tick))}" y="${height - 8}" text-anchor="middle"
              >${tick === 0 ? '0' : formatMs(tick)}</text
            >`,
      )}
      ${rows.map(({ group, latency }, index) => {
        const middle = TOP + index * ROW + ROW / 2;
        const p50 = latency.percentiles.find(({ p }) => p === 0.5)?.value ?? latency.min;
        const p95 = latency.percentiles.find(({ p }) => p === 0.95)?.value ?? latency.max;
        return html`<g>
          <title>
            ${group.name}: n ${latency.n}, p50 ${formatMs(p50)}, p95 ${formatMs(p95)}, max ${formatMs(latency.max)}
          </title>
          <text class="value" x="${LEFT - 10}" y="${coordinate(middle + 4)}" text-anchor="end">${group.name}</text>
          <rect
            class="fline"
            x="${coordinate(x(latency.min))}"
            y="${coordinate(middle - 1)}"
            width="${coordinate(Math.max(1, x(latency.max) - x(latency.min)))}"
            height="2"
          />
          <rect
            class="fa"
            x="${coordinate(x(latency.min))}"
            y="${coordinate(middle - 6)}"
            width="${coordinate(Math.max(2, x(p95) - x(latency.min)))}"
            height="12"
            rx="3"
          />
          <rect
            class="fb"
            x="${coordinate(x(p50) - 1.5)}"
            y="${coordinate(middle - 9)}"
            width="3"
            height="18"
            rx="1.5"
          />
        </g>`;
      })}
    </svg>
  </figure>`;
}
