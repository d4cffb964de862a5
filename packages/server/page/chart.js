const KEEP = 300;
const HEIGHT = 190;

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
    times.push(snapshot.at / 1000);
    for (const [name, points] of series) points.push(values.get(name) ?? 0);
    if (times.length > KEEP) for (const points of [times, ...series.values()]) points.shift();
    if (plot === undefined || isNew) draw();
    else plot.setData([times, ...series.values()]);
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
        scales: { y: { range: (_, __, max) => [0, Math.max(1, max)] } },
        axes: [axis, { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500], size: 36 }],
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
