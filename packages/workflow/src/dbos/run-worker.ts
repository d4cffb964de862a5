import { randomUUID } from 'node:crypto';

import type { Engine } from '../engine-contract.ts';
import type { PrepareOptions } from '../engine-options.ts';
import type { Workflow } from '../define-workflow.ts';
import type { LeaseState } from '../postgres/postgres-store.ts';
import type { RunInfo } from '../run-info.ts';
import type { WorkflowStore } from '../store.ts';
import { WorkflowError, type WorkflowErrorCode } from '../workflow-error.ts';
import type { DbosPort } from './dbos-port.ts';
import { LeaseSweep } from './lease-sweep.ts';

const DEFAULTS = { queue: 'exai-runs', concurrency: 10, leaseMs: 5_000, sweepMs: 1_000, maxLeases: 50 } as const;
/** A run driven elsewhere, or a store that fails, is looked at again this many times per lease. */
const LOOKS = 5;
/** How often DBOS looks for queued runs, in ms. */
const POLL_MS = 250;
/** Failures that another attempt may not meet: the run went to another process, or the store does not answer. */
const PASSING: ReadonlySet<WorkflowErrorCode> = new Set(['FENCED', 'LOCKED', 'CONFLICT', 'STORE_FAILED']);

/** The store of a worker: one that says how leases stand. `postgresStore` does. */
export interface LeasedStore extends WorkflowStore {
  leaseStates(ids: readonly string[]): Promise<ReadonlyMap<string, LeaseState>>;
}

/** Settings of {@link createRunWorker}. */
export interface RunWorkerOptions {
  /** The class `DBOS` of `@dbos-inc/dbos-sdk` 5. Configured, launched and shut down by the host, never here. */
  readonly dbos: DbosPort;
  /** Made with `store`; knows the workflows whose runs it is to drive. */
  readonly engine: Engine;
  readonly store: LeasedStore;
  /** Name of the DBOS queue and of the DBOS workflow; the same in all processes. @defaultValue 'exai-runs' */
  readonly queue?: string;
  /** Runs driven at once by this process. @defaultValue 10 */
  readonly concurrency?: number;
  /** Runs driven at once by all processes together. @defaultValue no limit beyond the sum of `concurrency` */
  readonly globalConcurrency?: number;
  /** Life of a lease, ms; as the engine's. @defaultValue 5_000 */
  readonly leaseMs?: number;
  /** Pause between two looks for runs whose process is gone, ms. @defaultValue 1_000 */
  readonly sweepMs?: number;
  /**
   * A run that was leased more often than this and has not ended is ended as `canceled`, so that one which kills its
   * process does not kill them all. A start takes two leases, each takeover two more. @defaultValue 50
   */
  readonly maxLeases?: number;
  /** Told of a sweep that failed; the next one tries again. */
  readonly onSweepError?: (error: unknown) => void;
}

/** Takes runs from a queue that all processes share, and takes over those of processes that died. */
export interface RunWorker {
  /** Makes or updates the queue and begins to sweep. Rejects with `TypeError` until the host has launched DBOS. */
  start(): Promise<void>;
  /**
   * Writes a run down and queues it; resolves with its id once both are durable. With the id of a run that is there and
   * is the same work, it joins that run.
   *
   * @throws `WorkflowError` as `Engine.prepare` does; after `STORE_FAILED` send it again under the same `runId`.
   */
  dispatch(workflow: Workflow, input: unknown, options?: PrepareOptions): Promise<string>;
  /** Waits until a dispatched run has ended or waits for a human, wherever it is driven; what is known of it then. */
  settled(runId: string): Promise<RunInfo>;
  /**
   * Stops sweeping and taking runs, waits up to `graceMs` for those driven here, then hands the rest over: living
   * workers take them after one lease. Call it before `DBOS.shutdown()` and `engine.close()`. @defaultValue graceMs 0
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Drives runs as DBOS workflows. The id of the DBOS workflow is the run id, its body is one `engine.resume(runId, { fence })`;
 * it records no steps of its own, so the journal stays the only truth. Must come before `DBOS.launch()`, which refuses
 * workflows registered later.
 *
 * @throws `TypeError` when DBOS is launched already, `RangeError` for a bad number.
 */
export function createRunWorker(options: RunWorkerOptions): RunWorker {
  return new DbosRunWorker(options);
}

class DbosRunWorker implements RunWorker {
  readonly #dbos: DbosPort;
  readonly #engine: Engine;
  readonly #store: LeasedStore;
  readonly #queue: string;
  readonly #limits: { readonly workerConcurrency: number; readonly globalConcurrency?: number };
  readonly #leaseMs: number;
  readonly #maxLeases: number;
  readonly #sweep: LeaseSweep;
  readonly #workflow: (runId: string) => Promise<string>;
  /** Runs this process drives now. */
  readonly #driven = new Map<string, Promise<unknown>>();
  #stopping = false;

  constructor(options: RunWorkerOptions) {
    const { dbos, engine, store, globalConcurrency } = options;
    if (dbos.isInitialized()) throw new TypeError('createRunWorker must come before DBOS.launch()');
    this.#dbos = dbos;
    this.#engine = engine;
    this.#store = store;
    this.#queue = options.queue ?? DEFAULTS.queue;
    this.#limits = {
      workerConcurrency: positive('concurrency', options.concurrency ?? DEFAULTS.concurrency),
      ...(globalConcurrency === undefined
        ? {}
        : { globalConcurrency: positive('globalConcurrency', globalConcurrency) }),
    };
    this.#leaseMs = positive('leaseMs', options.leaseMs ?? DEFAULTS.leaseMs);
    this.#maxLeases = positive('maxLeases', options.maxLeases ?? DEFAULTS.maxLeases);
    this.#sweep = new LeaseSweep({
      dbos,
      store,
      queue: this.#queue,
      leaseMs: this.#leaseMs,
      sweepMs: positive('sweepMs', options.sweepMs ?? DEFAULTS.sweepMs),
      onError: options.onSweepError ?? (() => undefined),
    });
    this.#workflow = dbos.registerWorkflow((runId) => this.#run(runId), { name: this.#queue });
  }

  async start(): Promise<void> {
    if (!this.#dbos.isInitialized()) throw new TypeError('DBOS is not launched; the host calls DBOS.launch() first');
    await this.#dbos.registerQueue(this.#queue, { ...this.#limits, minPollingIntervalMs: POLL_MS });
    this.#sweep.start();
  }

  async dispatch(workflow: Workflow, input: unknown, options: PrepareOptions = {}): Promise<string> {
    const runId = await this.#engine.prepare(workflow, input, options);
    try {
      await this.#dbos.startWorkflow(this.#workflow, { workflowID: runId, queueName: this.#queue })(runId);
    } catch (cause) {
      throw new WorkflowError('STORE_FAILED', `cannot queue run ${runId}`, { cause });
    }
    return runId;
  }

  async settled(runId: string): Promise<RunInfo> {
    await this.#dbos.getResult(runId);
    const info = await this.#engine.get(runId);
    if (info === undefined) throw new WorkflowError('RUN_NOT_FOUND', `no run ${runId}`);
    return info;
  }

  async stop({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#stopping = true;
    await this.#sweep.stop();
    await Promise.race([Promise.allSettled(this.#driven.values()), pause(graceMs)]);
    await Promise.all([...this.#driven.keys()].map((runId) => this.#engine.handOver(runId)));
  }

  /** The body of the DBOS workflow: drives the run, or waits while another process does. Returns the kind of its end. */
  async #run(runId: string): Promise<string> {
    for (;;) {
      const end = await this.#attempt(runId);
      if (end !== undefined) return end;
      await pause(this.#leaseMs / LOOKS);
    }
  }

  async #attempt(runId: string): Promise<string | undefined> {
    try {
      // An owner for this attempt alone: it must not get the lease of another attempt of this process.
      const lease = this.#stopping ? undefined : await this.#store.acquire(runId, randomUUID(), this.#leaseMs);
      const end = await this.#endOf(runId);
      if (lease === undefined) return end;
      if (end !== undefined) {
        await this.#store.release(lease);
        return end;
      }
      const givenUp = lease.epoch > this.#maxLeases;
      const signal = givenUp ? AbortSignal.abort(`leased more than ${this.#maxLeases} times`) : undefined;
      const { result } = this.#engine.resume(runId, { fence: lease, ...(signal === undefined ? {} : { signal }) });
      this.#driven.set(runId, result);
      return (await result.finally(() => this.#driven.delete(runId))).stop.kind;
    } catch (error) {
      if (WorkflowError.is(error) && PASSING.has(error.code)) return undefined;
      throw error;
    }
  }

  /** How a run ended or that it waits for a human, by its journal. */
  async #endOf(runId: string): Promise<string | undefined> {
    const info = await this.#engine.get(runId);
    if (info === undefined) throw new WorkflowError('RUN_NOT_FOUND', `no run ${runId}`);
    return info.status === 'suspended' ? 'suspended' : info.result?.stop.kind;
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

function positive(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`${name} must be a positive integer, got ${value}`);
}
