import type { FamilyName, FamilyNameOf, LabelsOf } from '../../src/index.ts';

/** Narrows a query to the job and instance chosen on the page. */
const CHOSEN = 'job=~"$job",instance=~"$instance"';

type Match<N extends FamilyName> = Partial<Record<keyof LabelsOf<N>, string>>;

/** The series of a family, narrowed by exact label values. */
export function series<N extends FamilyName>(name: N, match: Match<N> = {}): string {
  return `${name}{${selector(match)}}`;
}

/** Per-second rate of a counter. */
export function rate<N extends FamilyNameOf<'counter'>>(name: N, match: Match<N> = {}): string {
  return `rate(${series(name, match)}[$__rate_interval])`;
}

/** Sum by some labels; without any the total. */
export function sumBy<N extends FamilyNameOf<'counter'>>(
  name: N,
  by: readonly (keyof LabelsOf<N>)[],
  match: Match<N> = {},
): string {
  return `sum by (${by.join(', ')}) (${rate(name, match)})`;
}

/** The ten largest series: families that start every code at 0 would fill the legend with zeroes. */
export function top(expr: string): string {
  return `topk(10, ${expr})`;
}

/** A quantile of a histogram by some of its labels. */
export function quantile<N extends FamilyNameOf<'histogram'>>(
  q: number,
  name: N,
  by: readonly (keyof LabelsOf<N>)[],
): string {
  return `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (rate(${name}_bucket{${CHOSEN}}[$__rate_interval])))`;
}

function selector(match: Readonly<Record<string, string | undefined>>): string {
  return [CHOSEN, ...Object.entries(match).map(([label, value]) => `${label}="${value}"`)].join(',');
}
