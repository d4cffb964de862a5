import { FAMILIES, type FamilyName, type FamilyNameOf, type FamilySpec, type LabelsOf } from './families.ts';
import { Family, type Labels, type Source } from './family.ts';
import { LabelGuard, type LabelGuardOptions } from './label-guard.ts';
import { MetricsError } from './metrics-error.ts';
import { VOCABULARIES, type Vocabulary } from './vocabularies.ts';

/** The families of one registry, written through names and labels the compiler checks. */
export class FamilySet {
  readonly #families = new Map<string, Family>();
  readonly #guard: LabelGuard;

  constructor(options: LabelGuardOptions) {
    const guard = new LabelGuard(options);
    this.#guard = guard;
    const reports = {
      overflowed: (family: string) => this.add('mcp_metrics_label_overflow_total', { family }),
      invalid: (family: string) => this.add('mcp_metrics_invalid_values_total', { family }),
    };
    const specs: Readonly<Record<string, FamilySpec>> = FAMILIES;
    for (const [name, spec] of Object.entries(specs)) this.#families.set(name, new Family(name, spec, guard, reports));
  }

  /** Adds to a counter. */
  add<N extends FamilyNameOf<'counter'>>(name: N, labels: LabelsOf<N>, value = 1): void {
    this.get(name).add(labels, value);
  }

  /**
   * Writes 0 to counters for every label set that the closed vocabularies allow beside the labels given: `increase()` sees
   * nothing of a counter whose first sample is not 0.
   */
  startAtZero(names: readonly FamilyNameOf<'counter'>[], labels: Labels): void {
    for (const name of names) for (const set of labelSets(FAMILIES[name].labels, labels)) this.get(name).add(set, 0);
  }

  /** Sets a gauge. */
  set<N extends FamilyNameOf<'gauge'>>(name: N, labels: LabelsOf<N>, value: number): void {
    this.get(name).set(labels, value);
  }

  /** Puts a value into a histogram, in its unit. */
  observe<N extends FamilyNameOf<'histogram'>>(name: N, labels: LabelsOf<N>, value: number): void {
    this.get(name).observe(labels, value);
  }

  /** A label value as it would be exported; what is kept per value outside a family is keyed by it. */
  admit(vocabulary: Vocabulary, value: string): string {
    return this.#guard.admit(vocabulary, value);
  }

  /** Counts a read of an observed component that threw. */
  sourceFailed(component: (typeof VOCABULARIES)['component'][number]): void {
    this.add('mcp_metrics_source_errors_total', { component });
  }

  /**
   * Reads every source at each scrape; all of them or none.
   *
   * @throws {MetricsError} `ALREADY_OBSERVED` when one of their label sets is fed or was written before.
   */
  attach(sources: ReadonlyMap<FamilyName, Source>): () => void {
    for (const [name, source] of sources) {
      const taken = this.get(name).collision(source);
      if (taken === undefined) continue;
      throw new MetricsError('ALREADY_OBSERVED', `${name}${JSON.stringify(taken)} has a source already`);
    }
    const detach = [...sources].map(([name, source]) => this.get(name).attach(source));
    return () => detach.forEach((stop) => stop());
  }

  /** One family by name. */
  get(name: FamilyName): Family {
    const family = this.#families.get(name);
    if (family === undefined) throw new TypeError(`no family is called ${name}`);
    return family;
  }

  /** All families, in the order they are declared. */
  values(): IterableIterator<Family> {
    return this.#families.values();
  }
}

/** The labels given, with every combination of values for the others. */
function labelSets(vocabularies: FamilySpec['labels'], given: Labels): readonly Labels[] {
  let sets: readonly Labels[] = [given];
  for (const [label, vocabulary] of Object.entries(vocabularies))
    if (!(label in given))
      sets = sets.flatMap((set) => valuesOf(vocabulary).map((value) => ({ ...set, [label]: value })));
  return sets;
}

function valuesOf(vocabulary: Vocabulary): readonly string[] {
  const closed: Readonly<Partial<Record<Vocabulary, readonly string[]>>> = VOCABULARIES;
  return closed[vocabulary] ?? [];
}
