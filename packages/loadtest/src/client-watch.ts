import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';

import type { Clock } from './clock.ts';
import { LoopWatch } from './loop-watch.ts';

/** How the client's machine was while something was measured. */
export interface ClientState {
  longestStallMs: number;
  /** Work that waited for a processor or had one, at the start or at the end, whichever was more; 0 on a virtual clock. */
  loadAverage: number;
  cores: number;
  /** Share of the processor time that the host of this virtual machine kept for itself; 0 where it is not told. */
  stealShare: number;
}

/** Watches the event loop and the machine of the load tester from its creation until {@link stop}. */
export class ClientWatch {
  readonly #isVirtual: boolean;
  readonly #loop: LoopWatch;
  readonly #load: number;
  readonly #before: CpuTimes;

  constructor(clock: Clock) {
    this.#isVirtual = clock.virtual;
    this.#loop = new LoopWatch(clock);
    this.#load = this.#loadAverage();
    this.#before = cpuTimes();
    this.#loop.start();
  }

  stop(): ClientState {
    this.#loop.stop();
    const { steal, all } = cpuTimes();
    const passed = all - this.#before.all;
    return {
      longestStallMs: this.#loop.longestStallMs,
      loadAverage: Math.max(this.#load, this.#loadAverage()),
      cores: availableParallelism(),
      stealShare: this.#isVirtual || passed <= 0 ? 0 : (steal - this.#before.steal) / passed,
    };
  }

  #loadAverage(): number {
    return this.#isVirtual ? 0 : (loadavg()[0] ?? 0);
  }
}

interface CpuTimes {
  steal: number;
  all: number;
}

/** Fields of the line `cpu` of `/proc/stat` that add up to all time; guests are counted in them already. Source: proc(5). */
const CPU_FIELDS = 8;
const STEAL_FIELD = 7;

function cpuTimes(): CpuTimes {
  try {
    const [, ...ticks] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').trim().split(/\s+/).map(Number);
    const all = ticks.slice(0, CPU_FIELDS).reduce((sum, value) => sum + value, 0);
    return { steal: ticks[STEAL_FIELD] ?? 0, all };
  } catch {
    // Only Linux tells.
    return { steal: 0, all: 0 };
  }
}
