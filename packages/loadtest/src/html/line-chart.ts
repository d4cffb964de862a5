import { html, type Html } from './html.ts';
import { coordinate, ticksUpTo } from './scale.ts';

/** Colour of a series. */
export type Colour = 'a' | 'b' | 'c' | 'd';

/** One line; a gap where a value is missing. */
export interface Series {
  name: string;
  colour: Colour;
  points: readonly { x: number; y: number | undefined }[];
  /** Filled down to the axis. */
  isArea?: boolean;
  isDashed?: boolean;
  /** Holds its value until the next point. */
  isStep?: boolean;
}

/** A line chart over the time of a run. */
export interface LineChart {
  title: string;
  series: readonly Series[];
  /** End of the time axis, in milliseconds. */
  endMs: number;
  formatY: (value: number) => string;
  /** Vertical marks, such as faults. */
  marks?: readonly { x: number; label: string }[];
}

const WIDTH = 540;
const HEIGHT = 220;
const LEFT = 76;
const RIGHT = 22;
const TOP = 14;
const BOTTOM = 28;

/** Draws a chart as SVG that needs no script. */
export function renderLineChart({ title, series, endMs, formatY, marks = [] }: LineChart): Html {
  const most = Math.max(0, ...series.flatMap(({ points }) => points.flatMap(({ y }) => (y === undefined ? [] : [y]))));
  const yTicks = ticksUpTo(most, 4);
  const top = yTicks.at(-1) ?? 1;
  const xTicks = ticksUpTo(endMs / 1000, 6).filter((seconds) => seconds * 1000 <= endMs + 1e-6);
  const x = (ms: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * ms) / Math.max(1, endMs);
  const y = (value: number): number => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / top;
  return html`<figure class="panel">
    <h3>${title}</h3>
    <div class="legend">
      ${series.map(({ name, colour }) => html`<span><i class="key k${colour}"></i>${name}</span>`)}
    </div>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
      ${yTicks.map(
        (tick) =>
          html`<line
              class="grid"
              x1="${LEFT}"
              x2="${WIDTH - RIGHT}"
              y1="${coordinate(y(tick))}"
              y2="${coordinate(y(tick))}"
            />
            <text x="${LEFT - 8}" y="${coordinate(y(tick) + 4)}" text-anchor="end">${formatY(tick)}</text>`,
      )}
      ${xTicks.map(
        (tick) => html`<text x="${coordinate(x(tick * 1000))}" y="${HEIGHT - 8}" text-anchor="middle">${tick} s</text>`,
      )}
      <line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}" />
      ${marks.map(
        (mark) =>
          html`<line
              class="line sbad dash"
              x1="${coordinate(x(mark.x))}"
              x2="${coordinate(x(mark.x))}"
              y1="${TOP}"
              y2="${HEIGHT - BOTTOM}"
            />
            <text class="value" x="${coordinate(x(mark.x) + 4)}" y="${TOP + 8}">${mark.label}</text>`,
      )}
      ${series.map((one) => drawSeries(one, x, y))}
    </svg>
  </figure>`;
}

function drawSeries(
  { points, colour, isArea, isDashed, isStep, name }: Series,
  x: (ms: number) => number,
  y: (value: number) => number,
): Html {
  const path = pathOf(points, x, y, isStep ?? false);
  const known = points.flatMap((point) => (point.y === undefined ? [] : [point]));
  const [first, last] = [known[0], known.at(-1)];
  const floor = coordinate(HEIGHT - BOTTOM);
  const area =
    isArea && first && last
      ? `${path}L${coordinate(x(last.x))} ${floor}L${coordinate(x(first.x))} ${floor}Z`
      : undefined;
  return html`${area !== undefined && html`<path class="area f${colour}" d="${area}" />`}
    <path class="line s${colour}${isDashed ? ' dash' : ''}" d="${path}"><title>${name}</title></path>`;
}

function pathOf(
  points: Series['points'],
  x: (ms: number) => number,
  y: (value: number) => number,
  isStep: boolean,
): string {
  let path = '';
  let previous: number | undefined;
  for (const point of points) {
    if (point.y === undefined) {
      // A window without an answer is bridged: few calls are no outage. The in-flight chart shows outages.
      continue;
    }
    const at = `${coordinate(x(point.x))} ${coordinate(y(point.y))}`;
    if (previous === undefined) path += `M${at}`;
    else path += isStep ? `H${coordinate(x(point.x))}V${coordinate(y(point.y))}` : `L${at}`;
    previous = point.y;
  }
  return path;
}
