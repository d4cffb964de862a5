import { E_CANCELED, type SemaphoreInterface } from 'async-mutex';

import { AcquireError } from '../acquire-error.ts';
import type { Permit } from '../permit.ts';
import { Semaphore as Core } from '../semaphore.ts';

/**
 * async-mutex's `Semaphore` on this package's core: weights, priorities, `withTimeout` and `tryAcquire` work on it unchanged.
 *
 * It differs where the original loses permits or waiters: a weight above the capacity and one that is no positive integer
 * reject with a `RangeError` instead of waiting for ever or throwing synchronously; `setValue` sets the capacity, so that it
 * cannot over-admit; `release()` gives back the longest held permits and adds no capacity when nothing is held; the value
 * must be positive. Since `release()` can free any permit from anywhere, no permit is ever proven leaked: holders and ages
 * are tracked, and reported as overdue.
 */
export class Semaphore implements SemaphoreInterface {
  /** The core, for `holders()`, `stats()`, events and everything the original lacks. */
  readonly core: Core;
  private readonly cancelError: Error;
  private readonly held = new Set<Permit>();
  private readonly values = new Map<number, number>();
  private unlockWaits: UnlockWait[] = [];
  private credit = 0;

  /** @throws RangeError unless the value is a positive integer */
  constructor(value: number, cancelError: Error = E_CANCELED) {
    this.core = new Core({ capacity: value, maxWaiting: Infinity, leak: 'track' });
    this.cancelError = cancelError;
    this.core.on('acquired', ({ id, weight }) => this.values.set(id, this.getValue() + weight));
    this.core.on('released', () => {
      if (this.unlockWaits.length > 0) queueMicrotask(() => this.settleUnlockWaits());
    });
  }

  async acquire(weight = 1, priority = 0): Promise<[number, SemaphoreInterface.Releaser]> {
    const permit = await this.takePermit(weight, priority);
    this.held.add(permit);
    const value = this.values.get(permit.id) ?? 0;
    this.values.delete(permit.id);
    return [value, () => this.giveBack(permit)];
  }

  async runExclusive<T>(callback: SemaphoreInterface.Worker<T>, weight = 1, priority = 0): Promise<T> {
    const [value, release] = await this.acquire(weight, priority);
    try {
      return await callback(value);
    } finally {
      release();
    }
  }

  async waitForUnlock(weight = 1, priority = 0): Promise<void> {
    if (this.couldAcquire(weight, priority)) return;
    await new Promise<void>((resolve) => this.unlockWaits.push({ weight, priority, resolve }));
  }

  isLocked(): boolean {
    return this.getValue() <= 0;
  }

  getValue(): number {
    return this.core.capacity - this.core.held;
  }

  setValue(value: number): void {
    this.core.resize(value);
    this.settleUnlockWaits();
  }

  /** Gives back the longest held permits, whole ones only: a part of a weight counts when the rest is released too. */
  release(weight = 1): void {
    this.credit += weight;
    for (const permit of this.held) {
      if (permit.weight > this.credit) return;
      this.credit -= permit.weight;
      this.giveBack(permit);
    }
    this.credit = 0;
  }

  cancel(): void {
    this.core.cancelAll(this.cancelError);
  }

  private async takePermit(weight: number, priority: number): Promise<Permit> {
    try {
      return await this.core.acquire({ weight, priority });
    } catch (error) {
      throw AcquireError.is(error) && error.code === 'ABORTED' ? this.cancelError : error;
    }
  }

  private giveBack(permit: Permit): void {
    this.held.delete(permit);
    permit.release();
  }

  private settleUnlockWaits(): void {
    this.unlockWaits = this.unlockWaits.filter(({ weight, priority, resolve }) => {
      if (!this.couldAcquire(weight, priority)) return true;
      resolve();
      return false;
    });
  }

  /** Takes and gives back in one step, so that the core's own rules decide and nobody notices. */
  private couldAcquire(weight: number, priority: number): boolean {
    const waits = this.unlockWaits;
    this.unlockWaits = [];
    const permit = this.core.tryAcquire({ weight, priority });
    permit?.release();
    if (permit !== undefined) this.values.delete(permit.id);
    this.unlockWaits = waits;
    return permit !== undefined;
  }
}

interface UnlockWait {
  readonly weight: number;
  readonly priority: number;
  readonly resolve: () => void;
}
