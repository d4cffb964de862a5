import type { HoldRecord } from './hold-record.ts';
import type { HoldTerms } from './hold-terms.ts';
import type { Seat } from './seat.ts';
import type { Outcome } from './tier.ts';

/** The right to proceed. Ends once, by whoever holds it or, when that is proven impossible, by the semaphore. */
export interface Permit extends Disposable, AsyncDisposable {
  readonly id: number;
  /** Grows with every grant of one semaphore, so that a resource can refuse an older holder. */
  readonly fence: number;
  readonly weight: number;
  /** False once released or reclaimed. */
  readonly held: boolean;
  /** Milliseconds the call waited. */
  readonly waitedMs: number;
  /**
   * Aborts with an `AcquireError` of code `LOST` when the permit is taken away, and on `close({ force: true })`. Join it to
   * another signal by listeners, not by `AbortSignal.any`: that keeps an abandoned permit reachable, so no leak is proven.
   */
  readonly signal: AbortSignal;
  /**
   * Gives the permit back, synchronously. Returns false, and changes nothing, if that had happened before or the permit was
   * reclaimed. Never throws.
   */
  release(outcome?: Outcome): boolean;
  /** Says that the holder lives: its age for `overdue` and `maxHoldMs` starts again. The note shows in `holders()`. */
  touch(note?: string): void;
}

/** What a permit needs of the semaphore that granted it. */
export interface PermitOwner<S extends Seat> {
  giveBack(permit: HeldPermit<S>, outcome: Outcome): void;
  noteLateRelease(record: HoldRecord<S>): void;
  openSignal(permit: HeldPermit<S>): AbortController;
  noteTouch(permit: HeldPermit<S>, note: string | undefined): void;
}

/**
 * The one object that can release what it stands for. Nothing in the library refers to it once its first sweep has passed
 * (its record does the accounting), so "collected" proves "can never be released".
 */
export class HeldPermit<S extends Seat> implements Permit {
  prev: HeldPermit<S> | undefined;
  next: HeldPermit<S> | undefined;
  record: HoldRecord<S> | undefined;
  controller: AbortController | undefined;
  isOpen = true;
  grantedAt = 0;
  /** `deadlineAt` as an offset of the clock, −1 for none. */
  deadlineOffset = -1;
  readonly owner: PermitOwner<S>;
  readonly seat: S;
  readonly id: number;
  readonly weight: number;
  readonly waitedMs: number;
  readonly terms: HoldTerms | undefined;

  constructor(
    owner: PermitOwner<S>,
    seat: S,
    id: number,
    weight: number,
    waitedMs: number,
    terms: HoldTerms | undefined,
  ) {
    this.owner = owner;
    this.seat = seat;
    this.id = id;
    this.weight = weight;
    this.waitedMs = waitedMs;
    this.terms = terms;
  }

  get fence(): number {
    return this.id;
  }

  get held(): boolean {
    return this.isOpen && (this.record === undefined || this.record.isHeld);
  }

  get signal(): AbortSignal {
    return (this.controller ??= this.owner.openSignal(this)).signal;
  }

  release(outcome: Outcome = 'ok'): boolean {
    if (!this.isOpen) return false;
    this.isOpen = false;
    if (this.record !== undefined && !this.record.isHeld) {
      this.owner.noteLateRelease(this.record);
      return false;
    }
    this.owner.giveBack(this, outcome);
    return true;
  }

  touch(note?: string): void {
    if (this.held) this.owner.noteTouch(this, note);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}
