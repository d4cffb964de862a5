import type { Confidence } from './claim.ts';
import type { ModelSource, ModelUsage } from './model.ts';

/** What made a run count as without progress. */
export type NoProgressDetector = 'cycle' | 'near_dup' | 'stagnation' | 'error' | 'monologue' | 'stall' | 'unsupported';

/** How well the evidence is known, weakest first: the caller's word, re-read by us, seen by our own tool. */
export type EvidenceGrade = 'attested' | 'checked' | 'observed';

/** A question for a human, on which a run waits. */
export interface HumanRequest {
  readonly kind: 'no_progress' | 'unknown_tool_call';
  readonly question: string;
}

/** An error as the journal keeps it. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** Why a run ended. Only `complete` is a success; `verified` says whether evidence backs every requirement. */
export type StopReason =
  | {
      readonly kind: 'complete';
      readonly verified: boolean;
      /** Weakest grade of the evidence used; absent when none was. */
      readonly grade?: EvidenceGrade;
      /** Requirements not backed by evidence, empty when verified. */
      readonly gaps: readonly string[];
    }
  | {
      readonly kind: 'no_progress';
      readonly detector: NoProgressDetector;
      /** Length of the cycle, for `cycle`. */
      readonly period?: number;
      /** First step of the stretch without progress. */
      readonly since: number;
    }
  | { readonly kind: 'safety_limit'; readonly limit: number }
  | { readonly kind: 'budget'; readonly unit: 'usd' | 'tokens' }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'canceled'; readonly by: string }
  | { readonly kind: 'suspended'; readonly request: HumanRequest }
  | { readonly kind: 'abandoned'; readonly idleMs: number }
  | { readonly kind: 'failed'; readonly error: SerializedError };

/** What a run used. */
export interface RunUsage extends ModelUsage {
  /** Model calls that came back. */
  readonly calls: number;
  /** USD; calls without a known price count as 0. */
  readonly costUsd: number;
  /** Milliseconds spent waiting for permits. */
  readonly waitedMs: number;
}

/** How the requirements stand. */
export interface Coverage {
  readonly met: readonly string[];
  readonly missing: readonly string[];
}

/** What a run hands back, whatever the reason it ended. */
export interface RunResult {
  readonly runId: string;
  readonly stop: StopReason;
  /** The best answer there is. */
  readonly text: string;
  /** The last claim, when there was one. */
  readonly output?: unknown;
  readonly confidence: { readonly reported?: Confidence; readonly p: number; readonly n: number };
  readonly coverage: Coverage;
  readonly usage: RunUsage;
  /** Model turns of the agent, over all resumes. */
  readonly steps: number;
  readonly sources?: readonly ModelSource[];
  /** Continues the conversation this run belongs to. */
  readonly continuationId?: string;
  /** Model that answered last, `provider/id`. */
  readonly model?: string;
}

/** An error in the form the journal keeps. */
export function serializeError(error: unknown): SerializedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { name: error.name, message: error.message, ...(code === undefined ? {} : { code }) };
}
