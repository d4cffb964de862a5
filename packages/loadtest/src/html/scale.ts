/** Round steps for an axis from 0 to at least `most`, in about `count` parts. */
export function ticksUpTo(most: number, count: number): number[] {
  if (!(most > 0)) return [0, 1];
  const raw = most / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw - 1e-12) ?? raw;
  const ticks: number[] = [];
  for (let index = 0; index * step < most + step * 0.999; index += 1)
    ticks.push(Number((index * step).toPrecision(12)));
  return ticks;
}

/** Coordinates with one decimal: files stay small, and the same result gives the same bytes. */
export function coordinate(value: number): string {
  return String(Math.round(value * 10) / 10);
}
