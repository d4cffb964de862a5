import type { Workflow } from './define-workflow.ts';
import type { Grant, RunBudget } from './journal.ts';
import type { Model, ModelAsk } from './model.ts';
import type { Lease, WorkflowStore } from './store.ts';
import type { TerminationPolicy } from './termination-policy.ts';

/** Settings of `createEngine`. */
export interface EngineOptions {
  /** The model of every call. Give this or `models`. */
  readonly model?: Model;
  /** Chooses the model of a call. Throws for one it does not have; a start then fails with `INVALID_ARGUMENTS`. */
  readonly models?: (ask: ModelAsk) => Model;
  /** @defaultValue a new `memoryStore()` */
  readonly store?: WorkflowStore;
  /** Workflows that may be resumed by name, beside the built-in ones and those started here. */
  readonly workflows?: readonly Workflow[];
  /** Folders the file tools may look into. @defaultValue none: the file tools are not offered */
  readonly roots?: readonly string[];
  /** Tokens a prompt may have; older tool results are shortened to keep it. @defaultValue 60_000 */
  readonly maxPromptTokens?: number;
  /** Tokens of earlier exchanges of a conversation in a prompt. @defaultValue 12_000 */
  readonly historyTokens?: number;
  /** Longest wait for a canceled tool that does not settle, ms. @defaultValue 5_000 */
  readonly drainMs?: number;
  /** A caller-driven run ends as `abandoned` after this long without a step, ms. @defaultValue 3_600_000 */
  readonly idleMs?: number;
  /**
   * Life of a run's lease in a store of several processes, ms; renewed at a third of it. A run whose process died can be
   * driven by another one after it. @defaultValue 5_000
   */
  readonly leaseMs?: number;
  /** Epoch ms. @defaultValue `Date.now` */
  readonly clock?: () => number;
  /** Makes run and conversation ids; they must not be guessable. @defaultValue random UUIDs */
  readonly ids?: () => string;
}

/** Settings of one run. */
export interface StartOptions {
  /**
   * Idempotency: a start with the id of a run that is there joins it (and resumes it after a crash) when workflow and
   * input are the same, else the result rejects with `CONFLICT`. One that another process drives is waited for.
   * @defaultValue a new id
   */
  readonly runId?: string;
  /** Conversation to join or to make. @defaultValue the input's `continuation_id`, else a new one */
  readonly conversationId?: string;
  /** Passed to the model as the place in its queue. */
  readonly session?: string;
  /** Who may continue the conversation and the run. @defaultValue the session */
  readonly owner?: string;
  /** Cancels the run. */
  readonly signal?: AbortSignal;
  /** Epoch ms by which the run ends, with the best answer there is. */
  readonly deadlineAt?: number;
  /** Limits, reserved before each call. */
  readonly budget?: RunBudget;
  readonly priority?: number;
  /** Folders the file tools of this run look into, instead of the engine's; journaled, so that a resumed run keeps them. */
  readonly roots?: readonly string[];
  /** Whether the ladder may suspend the run to ask a human. @defaultValue false */
  readonly canAsk?: boolean;
  /** Changes to the workflow's termination policy. */
  readonly termination?: Partial<TerminationPolicy>;
}

/** Settings of a resume. */
export interface ResumeOptions {
  /** A human's word: answers a suspended run, or sends a stopped one on. */
  readonly answer?: string;
  /** More room: exactly this much is added. */
  readonly grant?: Grant;
  readonly signal?: AbortSignal;
  /**
   * A lease on the run that the caller acquired from the engine's store, under an owner used for nothing else. Every
   * append carries it; the engine renews it and gives it back. @defaultValue the engine acquires one
   */
  readonly fence?: Lease;
  /**
   * Whether to wait, in a store of several processes, while another process drives the run: until it ends there, or its
   * lease does because the process is gone. Otherwise, and when `signal` fires first, `result` rejects with `LOCKED`.
   * @defaultValue true
   */
  readonly wait?: boolean;
}

/** Settings of a run that is put down for later. */
export type PrepareOptions = Omit<StartOptions, 'signal'>;

/** Settings of a fork. */
export interface ForkOptions {
  /** Last record taken over from the parent. */
  readonly atSeq: number;
  /** Id of the new run. @defaultValue a new id */
  readonly runId?: string;
  /** Told to the model first: what to do differently from here. */
  readonly patch?: string;
  readonly signal?: AbortSignal;
}

/** Which runs to list. */
export interface RunFilter {
  readonly workflow?: string;
  readonly owner?: string;
  readonly conversationId?: string;
  /** @defaultValue 100 */
  readonly limit?: number;
}

/** Which journals to remove. */
export interface PrunePolicy {
  /** Journals untouched for this long, ms. */
  readonly olderThanMs: number;
  /** Also runs that have not finished. @defaultValue false */
  readonly unfinished?: boolean;
}
