import type { Claim, Confidence } from './claim.ts';
import type { EvidenceRecord, RecordOf, RunBudget } from './journal.ts';
import type { ModelSource, ToolCall } from './model.ts';
import { NO_USAGE } from './run-usage.ts';
import type { SourcePlace } from './source-place.ts';
import type { HumanRequest, RunResult, RunUsage, SerializedError } from './stop-reason.ts';
import { DEFAULT_TERMINATION, type TerminationPolicy } from './termination-policy.ts';

/** One tool call as the detectors see it. */
export interface CallPrint {
  readonly name: string;
  /** Digest of what was asked, exact and with numbers masked; absent for an exempt tool. */
  readonly print: string | undefined;
  readonly soft: string | undefined;
  readonly pollUntil: number | undefined;
  result: string;
  softResult: string;
  isError: boolean;
  finishedAt: number;
}

/** One step of the agent as the controller sees it. */
export interface Round {
  readonly step: number;
  readonly calls: CallPrint[];
  /** Pieces of evidence never seen before, and pieces that hardly differ from one already seen at the same place. */
  novel: number;
  weak: number;
  /** Places evidence came from, without line numbers. */
  readonly places: Set<string>;
  /** Whether the model asked for a tool other than `report_step`. */
  readonly usedTools: boolean;
  readonly reported: boolean;
  /** Nothing at all: no text, no call. */
  readonly empty: boolean;
  claim: MadeClaim | undefined;
  rejected: string | undefined;
}

/** One entry of the dialogue with the model, in order. */
export type Turn =
  | {
      readonly kind: 'assistant';
      readonly step: number;
      readonly text: string;
      readonly reasoning: string;
      readonly toolCalls: readonly ToolCall[];
    }
  | {
      readonly kind: 'tool';
      readonly step: number;
      readonly callId: string;
      readonly name: string;
      readonly content: string;
      readonly sideEffect: boolean;
    }
  | { readonly kind: 'user'; readonly step: number; readonly text: string };

/** A piece of evidence with the text it was seen in. */
export interface SeenEvidence extends EvidenceRecord {
  readonly text: string;
  readonly place: SourcePlace;
}

/** A claim with what the calibration said when it was made. */
export interface MadeClaim {
  readonly step: number;
  readonly claim: Claim;
  readonly p: number;
  readonly n: number;
  /** Citations of it that match something seen. */
  readonly valid: number;
}

/** A reviewer's verdict on the findings that were current. */
export interface Verdict {
  readonly by: 'expert' | 'judge';
  readonly ok: boolean | 'unknown';
  readonly gaps: readonly string[];
  readonly text: string;
  readonly findings: string;
}

/** What has been done so far to get a run going again or finished. */
export interface Interventions {
  /** Rungs of the ladder used since the last recovery, and in all. */
  rung: number;
  total: number;
  /** Index of the first round the detectors look at. */
  windowFrom: number;
  verify: number;
  verifyTotal: number;
  wrapUpAt: number | undefined;
  wrapUps: number;
  repairs: number;
  /** Decisions in a row that found every requirement met. */
  covered: number;
  /** The next step is done by the other model. */
  escalated: boolean;
}

/** Everything a run is, derived from its journal. Owned by whoever folds; never stored. */
export interface RunState {
  seq: number;
  at: number;
  startedAt: number;
  start: RecordOf<'run.started'> | undefined;
  policy: TerminationPolicy;
  budget: RunBudget;
  deadlineAt: number | undefined;
  steps: number;
  grantedSteps: number;
  spent: RunUsage;
  /** Milliseconds of all model calls that came back. */
  callMs: number;
  callStartedAt: number;
  turns: Turn[];
  turnChars: number;
  rounds: Round[];
  claims: MadeClaim[];
  evidence: SeenEvidence[];
  evidenceByBase: Map<string, SeenEvidence[]>;
  evidenceKeys: Set<string>;
  /** Evidence cited for each requirement. */
  backed: Map<string, Set<SeenEvidence>>;
  /** Citations that were found to hold; a claim usually repeats those of the one before. */
  held: Map<string, SeenEvidence>;
  sources: ModelSource[];
  /** Model calls that were started and have not come back. */
  openCalls: Map<string, RecordOf<'step.started'>>;
  /** The last answer of the agent while its step is open. */
  openStep: RecordOf<'model.finished'> | undefined;
  openTools: Map<number, RecordOf<'tool.started'>>;
  doneTools: Map<number, RecordOf<'tool.finished'>>;
  /** The last decision, until it has been carried out. */
  pending: RecordOf<'decision'> | undefined;
  verdicts: Verdict[];
  done: Interventions;
  failed: SerializedError | undefined;
  finalText: string | undefined;
  lastModel: string | undefined;
  panel: Set<string>;
  suspended: HumanRequest | undefined;
  finished: RunResult | undefined;
}

/** The state of a run of which nothing is written yet. */
export function emptyState(): RunState {
  return {
    seq: 0,
    at: 0,
    startedAt: 0,
    start: undefined,
    policy: DEFAULT_TERMINATION,
    budget: {},
    deadlineAt: undefined,
    steps: 0,
    grantedSteps: 0,
    spent: NO_USAGE,
    callMs: 0,
    callStartedAt: 0,
    turns: [],
    turnChars: 0,
    rounds: [],
    claims: [],
    evidence: [],
    evidenceByBase: new Map(),
    evidenceKeys: new Set(),
    backed: new Map(),
    held: new Map(),
    sources: [],
    openCalls: new Map(),
    openStep: undefined,
    openTools: new Map(),
    doneTools: new Map(),
    pending: undefined,
    verdicts: [],
    done: {
      rung: 0,
      total: 0,
      windowFrom: 0,
      verify: 0,
      verifyTotal: 0,
      wrapUpAt: undefined,
      wrapUps: 0,
      repairs: 0,
      covered: 0,
      escalated: false,
    },
    failed: undefined,
    finalText: undefined,
    lastModel: undefined,
    panel: new Set(),
    suspended: undefined,
    finished: undefined,
  };
}

/** The level last claimed, if any. */
export function reportedConfidence(state: RunState): Confidence | undefined {
  return state.claims.at(-1)?.claim.confidence;
}
