import { FAMILIES, type FamilyName, type FamilyNameOf, type FamilySpec, type LabelsOf } from './families.ts';
import { Family, type Source } from './family.ts';
import { LabelGuard, type LabelGuardOptions } from './label-guard.ts';
import { MetricsError } from './metrics-error.ts';
import type { VOCABULARIES, Vocabulary } from './vocabularies.ts';

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
