import { clock24 } from './dom.js';

const KEEP = 300;
const HEIGHT = 190;
const SHORTEST_SECONDS = 60;
const LONGEST_SECONDS = 300;
const GAP_SECONDS = 5;

/** A stepped chart of permits in use per provider and of calls waiting, fed by snapshots and drawn by uPlot. */
export function createChart(place) {
  const times = [];
  const series = new Map();
  let plot;

  function add(snapshot) {
    const values = new Map([['waiting', snapshot.tiers.find((tier) => tier.type === 'global')?.waiting ?? 0]]);
    for (const tier of snapshot.tiers) if (tier.type === 'provider') values.set(tier.provider, tier.held);
    const isNew = [...values.keys()].some((name) => !series.has(name));
    for (const name of values.keys())
      if (!series.has(name))
        series.set(
          name,
          times.map(() => null),
        );
    const last = times.at(-1);
    // While nothing was heard nothing is known: the line breaks off.
    if (last !== undefined && snapshot.at / 1000 - last > GAP_SECONDS) push(last + 1, () => null);
    push(snapshot.at / 1000, (name) => values.get(name) ?? 0);
    if (plot === undefined || isNew) draw();
    else plot.setData([times, ...series.values()]);
  }

  function push(time, valueOf) {
    times.push(time);
    for (const [name, points] of series) points.push(valueOf(name));
    if (times.length > KEEP) for (const points of [times, ...series.values()]) points.shift();
  }

  function draw() {
    plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const strokes = { waiting: colour('--warn'), glm: colour('--held'), kimi: colour('--good') };
    const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
    const stepped = uPlot.paths.stepped({ align: 1 });
    const lines = [...series.keys()].map((label) => ({
      label: label === 'waiting' ? 'waiting' : `${label} in use`,
      stroke: strokes[label] ?? colour('--still'),
      width: 2,
      paths: stepped,
      points: { show: false },
    }));
    plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        legend: { live: false },
        cursor: { show: false },
        scales: {
          x: { range: (_, min, max) => [max - Math.min(LONGEST_SECONDS, Math.max(SHORTEST_SECONDS, max - min)), max] },
          y: { range: (_, __, max) => [0, Math.max(1, max)] },
        },
        axes: [
          {
            ...axis,
            incrs: [10, 30, 60, 120],
            space: 80,
            values: (_, splits) => splits.map((at) => clock24(at * 1000)),
          },
          { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500], size: 36 },
        ],
        series: [{ label: 'time' }, ...lines],
      },
      [times, ...series.values()],
      place,
    );
  }

  addEventListener('resize', () => plot?.setSize({ width: place.clientWidth, height: HEIGHT }));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot !== undefined && draw());
  return { add };
}
