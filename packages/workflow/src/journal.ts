import type { Claim } from './claim.ts';
import type { ModelSource, ModelUsage, ToolCall } from './model.ts';
import type { EvidenceGrade, HumanRequest, RunResult, RunUsage, SerializedError, StopReason } from './stop-reason.ts';
import type { TerminationPolicy } from './termination-policy.ts';

/** Version written into every journal; a newer one is refused, never skipped. */
export const JOURNAL_VERSION = 1;

/** What a journal is about; stored once, at its head. */
export interface JournalHeader {
  readonly id: string;
  readonly kind: 'run' | 'conversation' | 'calibration';
  readonly version: number;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Who may continue it; compared, never shown. */
  readonly owner?: string;
  /** Runs only. */
  readonly workflow?: string;
  readonly workflowVersion?: number;
  readonly conversationId?: string;
  /** Where a fork left its parent. */
  readonly parent?: { readonly runId: string; readonly seq: number };
}

/** What a model call is for. Only `step` counts as a step. */
export type CallPurpose = 'step' | 'final' | 'expert' | 'judge' | 'panel';

/** Limits of one run. Estimates are reserved before each call. */
export interface RunBudget {
  readonly tokens?: number;
  readonly usd?: number;
  /** What happens with a `usd` budget and a model without a known price. @defaultValue 'deny' */
  readonly onUnknownPrice?: 'deny' | 'warn';
}

/** A reason behind a decision. */
export interface Signal {
  readonly name: string;
  readonly value?: number | string;
}

/** What a decision does. */
export type DecisionAction =
  | 'continue'
  | 'nudge'
  | 'verify'
  | 'wrap_up'
  | 'repair'
  | 'escalate'
  | 'suspend'
  | 'expert'
  | 'judge'
  | 'stop';

/** One thing seen, as the journal keeps it. */
export interface EvidenceRecord {
  readonly source: string;
  /** Digest of the masked text: the same for the same content whatever ids and times it carries. */
  readonly key: string;
  readonly grade: EvidenceGrade;
  /** Absent when it is the whole content of the tool result beside it. */
  readonly text?: string;
  /** Min-hash of a longer text; see `sketch`. */
  readonly sketch?: readonly number[];
}

interface RunStarted {
  readonly type: 'run.started';
  readonly mode: 'engine' | 'caller';
  readonly workflow: string;
  readonly workflowVersion: number;
  readonly input: unknown;
  readonly policy: TerminationPolicy;
  readonly budget?: RunBudget;
  /** Epoch ms. */
  readonly deadlineAt?: number;
  readonly session?: string;
  readonly priority?: number;
  /** Folders its file tools look into; absent: the engine's. */
  readonly roots?: readonly string[];
  /** The conversation, and how much of it this run sees. */
  readonly conversation?: { readonly id: string; readonly seq: number };
  /** Whether the ladder may wait for a human. */
  readonly canAsk: boolean;
  /** Tools offered to the model. */
  readonly tools: readonly string[];
  /** USD per million tokens of the agent's model, when it is known. */
  readonly price?: { readonly input: number; readonly output: number };
}

interface StepStarted {
  readonly type: 'step.started';
  readonly step: number;
  readonly purpose: CallPurpose;
  /** `provider/model`. */
  readonly model: string;
  readonly reserved: { readonly tokens: number; readonly usd?: number };
  readonly member?: string;
}

interface ModelFinished {
  readonly type: 'model.finished';
  readonly step: number;
  readonly purpose: CallPurpose;
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: string;
  readonly model: string;
  readonly sources?: readonly ModelSource[];
  readonly member?: string;
}

interface ModelFailed {
  readonly type: 'model.failed';
  readonly step: number;
  readonly purpose: CallPurpose;
  readonly error: SerializedError;
  readonly member?: string;
}

interface Budget {
  readonly type: 'budget';
  readonly step: number;
  readonly usage: ModelUsage;
  readonly costUsd?: number;
  readonly waitedMs: number;
  readonly spent: RunUsage;
}

interface ToolStarted {
  readonly type: 'tool.started';
  readonly step: number;
  readonly index: number;
  readonly callId: string;
  readonly name: string;
  readonly args: unknown;
  /** Digest of the tool and its masked arguments, or of its loop key; absent when the tool is exempt. */
  readonly print?: string;
  /** The same with numbers masked too. */
  readonly soft?: string;
  readonly idempotencyKey: string;
  /** Until when repeating this call is legitimate waiting, epoch ms. */
  readonly pollUntil?: number;
}

interface ToolFinished {
  readonly type: 'tool.finished';
  readonly step: number;
  readonly index: number;
  readonly callId: string;
  readonly name: string;
  readonly content: string;
  readonly isError: boolean;
  /** Digest of the masked content (of the kind of error, for an error), and the same with numbers masked too. */
  readonly print: string;
  readonly soft: string;
  readonly sideEffect: boolean;
}

interface EvidenceFound {
  readonly type: 'evidence';
  readonly step: number;
  readonly index: number;
  readonly items: readonly EvidenceRecord[];
}

interface ClaimMade {
  readonly type: 'claim';
  readonly step: number;
  readonly claim: Claim;
  readonly via: 'report_step' | 'text' | 'reasoning' | 'caller';
  /** Calibrated probability of being right when it was made, and the number of outcomes behind it. */
  readonly p: number;
  readonly n: number;
}

interface ClaimRejected {
  readonly type: 'claim.rejected';
  readonly step: number;
  readonly error: string;
}

interface DecisionMade {
  readonly type: 'decision';
  readonly step: number;
  readonly action: DecisionAction;
  readonly because: readonly Signal[];
  /** Message to the model. */
  readonly text?: string;
  readonly stop?: StopReason;
}

interface VerdictGiven {
  readonly type: 'verdict';
  readonly step: number;
  readonly by: 'expert' | 'judge';
  /** `unknown` when the reviewer failed or could not be read; it never counts as done. */
  readonly ok: boolean | 'unknown';
  readonly text: string;
  readonly gaps: readonly string[];
}

interface StepFinished {
  readonly type: 'step.finished';
  readonly step: number;
}

interface RunSuspended {
  readonly type: 'run.suspended';
  readonly request: HumanRequest;
}

/** More room for a run that stopped at a limit. */
export interface Grant {
  readonly steps?: number;
  readonly tokens?: number;
  readonly usd?: number;
  /** New deadline, epoch ms. */
  readonly deadlineAt?: number;
}

interface RunResumed {
  readonly type: 'run.resumed';
  readonly answer?: string;
  readonly grant?: Grant;
}

interface RunFinished {
  readonly type: 'run.finished';
  readonly stop: StopReason;
  readonly result: RunResult;
}

/** What a record says, without its place and time. */
export type RecordBody =
  | RunStarted
  | StepStarted
  | ModelFinished
  | ModelFailed
  | Budget
  | ToolStarted
  | ToolFinished
  | EvidenceFound
  | ClaimMade
  | ClaimRejected
  | DecisionMade
  | VerdictGiven
  | StepFinished
  | RunSuspended
  | RunResumed
  | RunFinished;

/** One record of a run's journal: `seq` counts from 1 without holes, `at` is epoch ms. */
export type JournalRecord = RecordBody & { readonly seq: number; readonly at: number };

/** A record of the given type. */
export type RecordOf<T extends RecordBody['type']> = Extract<JournalRecord, { type: T }>;

/** What a record says, without its place and time: for writing it again elsewhere. */
export function toBody({ seq: _seq, at: _at, ...body }: JournalRecord): RecordBody {
  return body;
}
