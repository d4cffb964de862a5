import { Alarm } from './alarm.ts';
import { ChurnMap } from './churn-map.ts';
import type { Work } from './work.ts';

/** How late a sign of life or an end by deadline may come. */
const SLACK_MS = 20;

/** The works that have not ended, by run and counted by session, and the one timer of them all. */
export class OpenWorks {
  readonly #works = new ChurnMap<string, Work>();
  readonly #openOf = new ChurnMap<string, number>();
  readonly #alarm = new Alarm((now) => this.#tick(now), SLACK_MS);

  get count(): number {
    return this.#works.size;
  }

  /** Entries of every map, for a test that nothing is kept. */
  get entries(): number {
    return this.#works.size + this.#openOf.size;
  }

  get(runId: string): Work | undefined {
    return this.#works.get(runId);
  }

  has(runId: string): boolean {
    return this.#works.has(runId);
  }

  values(): IterableIterator<Work> {
    return this.#works.values();
  }

  of(session: string): number {
    return this.#openOf.get(session) ?? 0;
  }

  add(work: Work): void {
    this.#works.set(work.runId, work);
    this.#openOf.set(work.session, this.of(work.session) + 1);
    this.wakeBy(work.dueAt);
  }

  remove(work: Work): void {
    this.#works.delete(work.runId);
    const open = this.of(work.session) - 1;
    if (open > 0) this.#openOf.set(work.session, open);
    else this.#openOf.delete(work.session);
  }

  /** Asks every work by then, in `performance.now()` ms, whether something is due. */
  wakeBy(at: number): void {
    this.#alarm.by(at);
  }

  #tick(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const work of this.#works.values()) next = Math.min(next, work.tick(now));
    return next;
  }
}
