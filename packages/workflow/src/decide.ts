import { isSure } from './claim.ts';
import { coverageOf, type GradedCoverage } from './coverage.ts';
import type { Requirement } from './define-workflow.ts';
import { detectNoProgress, type Detection } from './detect-no-progress.ts';
import type { DecisionAction, JournalRecord, Signal } from './journal.ts';
import { limitReached, type Estimate } from './limits.ts';
import { claimText, groundsText, repairText, strategyText, verifyText, wrapUpText } from './nudges.ts';
import { fold } from './apply-record.ts';
import type { MadeClaim, RunState, Verdict } from './run-state.ts';
import type { StopReason } from './stop-reason.ts';
import type { TerminationPolicy } from './termination-policy.ts';

/** What a decision depends on besides the journal: the definition, not the run. */
export interface Plan {
  readonly kind: 'chat' | 'workflow';
  readonly requirements: readonly Requirement[];
  readonly expert: boolean;
  readonly judge: boolean;
  /** Replaces the policy of the journal (replay with another one). */
  readonly policy?: TerminationPolicy;
  /** What the next call and the final answer may use at most. */
  readonly estimate: (state: RunState) => Estimate;
}

/** What to do next, and why. */
export interface Decision {
  readonly action: DecisionAction;
  readonly because: readonly Signal[];
  readonly text?: string;
  readonly stop?: StopReason;
}

/** Requests to verify over a whole run, however much progress lies between them. */
const MAX_VERIFY = 6;
/** Wrap-up requests over a whole run. */
const MAX_WRAP_UPS = 3;
/** Steps with everything covered and still news, before the model is asked to finish. */
const COVERED_STEPS = 4;
/** Steps without news before an unchecked but sure result is asked to finish. */
const BARE_SILENCE = 3;
/** Rounds with news that make up for earlier rungs of the ladder. */
const RECOVERY_ROUNDS = 3;
/** Rungs used over a whole run before the last one is taken at once. */
const MAX_RUNGS = 6;
/** Reviews by one reviewer over a whole run. */
const MAX_REVIEWS = 2;

/**
 * Decides what a run does next. A pure function of the journal so far, the definition and the time of the decision:
 * the same journal gives the same decision, today and in a replay.
 *
 * @param at Epoch ms of the decision.
 */
export function decide(journal: Iterable<JournalRecord>, plan: Plan, at: number): Decision {
  return decideState(fold(journal), plan, at);
}

/** {@link decide} on a state already folded. */
export function decideState(state: RunState, plan: Plan, at: number): Decision {
  const policy = plan.policy ?? state.policy;
  const covered = coverageOf(state, plan.requirements);
  const look: Look = { state, plan, policy, covered, bare: plan.requirements.length === 0 };
  const wish = failure(look) ?? (plan.kind === 'chat' ? chatEnd(look) : workflowWish(look));
  const decision = wish.action === 'stop' || wish.action === 'suspend' ? wish : (limitStop(look, wish, at) ?? wish);
  if (look.bare || covered.missing.length > 0) return decision;
  return { ...decision, because: [...decision.because, { name: 'covered' }] };
}

interface Look {
  readonly state: RunState;
  readonly plan: Plan;
  readonly policy: TerminationPolicy;
  readonly covered: GradedCoverage;
  /** No checklist. */
  readonly bare: boolean;
}

function workflowWish(look: Look): Decision {
  if (look.policy.mode === 'literal') return literalEnd(look) ?? goOn(look);
  return completion(look) ?? repair(look) ?? noProgress(look) ?? goOn(look);
}

function failure({ state }: Look): Decision | undefined {
  if (state.failed === undefined) return undefined;
  return stop({ kind: 'failed', error: state.failed }, { name: 'model_failed', value: state.failed.message });
}

function chatEnd({ state }: Look): Decision {
  const last = state.rounds.at(-1);
  if (last === undefined) return goAhead();
  if (!last.empty) return stop({ kind: 'complete', verified: false, gaps: [] }, { name: 'answered' });
  if (state.rounds.length === 1) return nudge('The answer was empty. Answer the question.', { name: 'empty' });
  const error = { name: 'Error', message: 'the model gave no answer twice', code: 'EMPTY_RESPONSE' };
  return stop({ kind: 'failed', error }, { name: 'empty' });
}

/** The user's own rule: sure, or no next step wanted. */
function literalEnd({ state }: Look): Decision | undefined {
  const claim = freshClaim(state)?.claim;
  if (claim === undefined || (claim.next_step_required && !isSure(claim.confidence))) return undefined;
  return stop({ kind: 'complete', verified: false, gaps: [] }, { name: 'claimed', value: claim.confidence });
}

function freshClaim(state: RunState): MadeClaim | undefined {
  return state.rounds.at(-1)?.claim;
}

function completion(look: Look): Decision | undefined {
  const { state, covered, bare } = look;
  if (state.rounds.length === 0) return undefined;
  if (!bare && covered.missing.length === 0) return coveredEnd(look);
  const made = freshClaim(state);
  const last = state.rounds.at(-1);
  const asked = last?.usedTools === true && last.novel > 0;
  if (made !== undefined && !made.claim.next_step_required && !asked) return claimedEnd(look, made);
  return bare ? bareSilence(look) : undefined;
}

/** Every requirement is met: finish when the model says so, when it is sure, or when nothing new comes. */
function coveredEnd(look: Look): Decision | undefined {
  const { state, policy } = look;
  const claim = freshClaim(state)?.claim;
  if (claim !== undefined && (!claim.next_step_required || isSure(claim.confidence))) return confirm(look);
  if (state.done.wrapUpAt !== undefined && state.done.wrapUpAt < state.steps) return confirm(look);
  if (silentSteps(state) < policy.wrapUpAfter && state.done.covered < COVERED_STEPS) return undefined;
  return { action: 'wrap_up', because: [{ name: 'silent', value: silentSteps(state) }], text: wrapUpText() };
}

function silentSteps(state: RunState): number {
  const last = state.rounds.findLastIndex((round) => round.novel > 0);
  return state.rounds.length - 1 - last;
}

/** The model says it is done and not everything is backed. */
function claimedEnd(look: Look, made: MadeClaim): Decision {
  const { state, plan, policy, covered, bare } = look;
  const allowed = bare ? bareNudges(made, policy) : policy.verifyNudges;
  const because = [
    { name: 'claimed', value: made.claim.confidence },
    { name: 'gaps', value: covered.missing.length },
    { name: 'valid_citations', value: made.valid },
  ];
  if (verifyUsed(state) < allowed && state.done.verifyTotal < MAX_VERIFY) {
    const text = bare ? groundsText(made.valid) : verifyText(covered.missing, plan.requirements);
    return { action: 'verify', because, text };
  }
  if (!isSupported(state, made))
    return stop({ kind: 'no_progress', detector: 'unsupported', since: made.step }, ...because);
  return confirm(look);
}

/** Requests so far: since the last news for a model, in all for a caller, who need not be asked a third time. */
function verifyUsed({ start, done }: RunState): number {
  return start?.mode === 'caller' ? done.verifyTotal : done.verify;
}

/** Without a checklist the calibrated probability says how often to ask. */
function bareNudges(made: MadeClaim, policy: TerminationPolicy): number {
  return made.p >= policy.expertBelow ? 1 : 2;
}

/** Something cited was really seen, now or in an earlier claim; where there are no tools to look with, nothing is asked. */
function isSupported(state: RunState, made: MadeClaim): boolean {
  if (made.valid > 0) return true;
  const canLook = (state.start?.tools.length ?? 0) > 0 || state.sources.length > 0;
  return !canLook;
}

/** Without a checklist: a sure, supported result and nothing new for a while. */
function bareSilence(look: Look): Decision | undefined {
  const { state } = look;
  const made = state.claims.at(-1);
  if (made === undefined || !isSure(made.claim.confidence) || made.valid === 0) return undefined;
  const silent = silentSteps(state);
  const asked = state.done.wrapUpAt;
  if (asked !== undefined && asked < state.steps && silent >= BARE_SILENCE) return confirm(look);
  if (silent < BARE_SILENCE || state.done.wrapUps >= MAX_WRAP_UPS) return undefined;
  return { action: 'wrap_up', because: [{ name: 'silent', value: silent }], text: wrapUpText() };
}

/** Lets the reviewers look, then ends the run as complete. */
function confirm(look: Look): Decision {
  const { state, plan, policy } = look;
  const made = state.claims.at(-1);
  const judge = verdictOf(state, 'judge');
  if (plan.judge && judge === undefined && canReview(state, 'judge'))
    return { action: 'judge', because: [{ name: 'claimed' }] };
  if (judge?.ok === false && mayVerify(look)) return verifyVerdict(look, judge);
  const expert = verdictOf(state, 'expert');
  const p = made?.p ?? 0;
  if (plan.expert && p < policy.expertBelow && expert === undefined && canReview(state, 'expert')) {
    return { action: 'expert', because: [{ name: 'p', value: p }] };
  }
  if (expert?.ok === false && mayVerify(look)) return verifyVerdict(look, expert);
  return complete(look);
}

/** Ends the run as complete, verified only if every requirement is met and no reviewer that is asked for is against it. */
function complete({ state, plan, covered, bare }: Look): Decision {
  const judge = verdictOf(state, 'judge');
  const expert = verdictOf(state, 'expert');
  const refused = [judge, expert].filter((verdict) => verdict?.ok === false);
  const gaps = [...covered.missing, ...refused.flatMap((verdict) => verdict?.gaps ?? [])];
  const judged = !plan.judge || judge?.ok === true;
  const verified = !bare && covered.missing.length === 0 && refused.length === 0 && judged;
  const grade = covered.grade === undefined ? {} : { grade: covered.grade };
  return stop(
    { kind: 'complete', verified, gaps, ...grade },
    { name: 'confirmed', value: state.claims.at(-1)?.p ?? 0 },
  );
}

/** The reviewer's verdict on the current findings. */
function verdictOf(state: RunState, by: Verdict['by']): Verdict | undefined {
  const findings = state.claims.at(-1)?.claim.findings ?? '';
  return state.verdicts.findLast((verdict) => verdict.by === by && verdict.findings === findings);
}

function canReview(state: RunState, by: Verdict['by']): boolean {
  return state.verdicts.filter((verdict) => verdict.by === by).length < MAX_REVIEWS;
}

function mayVerify({ state, policy }: Look): boolean {
  return verifyUsed(state) < policy.verifyNudges && state.done.verifyTotal < MAX_VERIFY;
}

function verifyVerdict({ plan }: Look, verdict: Verdict): Decision {
  const gaps = verdict.gaps.length === 0 ? [verdict.text] : verdict.gaps;
  return { action: 'verify', because: [{ name: `${verdict.by}_refused` }], text: verifyText(gaps, plan.requirements) };
}

function repair({ state, policy }: Look): Decision | undefined {
  const rejected = state.rounds.at(-1)?.rejected;
  if (rejected === undefined || state.done.repairs >= policy.repairs) return undefined;
  return { action: 'repair', because: [{ name: 'unreadable_claim', value: rejected }], text: repairText(rejected) };
}

/** Climbs the ladder at every new sign of no progress. */
function noProgress(look: Look): Decision | undefined {
  const { state, policy } = look;
  const found = detectNoProgress(state.rounds.slice(state.done.windowFrom), policy);
  if (found === undefined) return undefined;
  const recovered =
    state.rounds.slice(state.done.windowFrom).filter(({ novel }) => novel > 0).length >= RECOVERY_ROUNDS;
  const used = state.done.total >= MAX_RUNGS ? policy.ladder.length : recovered ? 0 : state.done.rung;
  const rung = Math.min(used, policy.ladder.length - 1);
  const because: Signal[] = [
    { name: found.detector, value: found.period ?? found.since },
    { name: 'since', value: found.since },
    { name: 'rung', value: rung },
  ];
  return climb(look, found, because, policy.ladder[rung] ?? 'stop');
}

function climb(look: Look, found: Detection, because: Signal[], rung: TerminationPolicy['ladder'][number]): Decision {
  const { state } = look;
  const text = strategyText(found, state.rounds);
  if (rung === 'nudge') return { action: 'nudge', because, text };
  if (rung === 'escalate') return { action: 'escalate', because, text };
  if (rung === 'ask' && state.start?.canAsk === true) {
    const request = { kind: 'no_progress' as const, question: text };
    return { action: 'suspend', because, stop: { kind: 'suspended', request } };
  }
  return stop({ kind: 'no_progress', ...found }, ...because);
}

/** A limit that forbids another call. A result that is claimed and supported is handed over instead of a request to verify it. */
function limitStop(look: Look, wish: Decision, at: number): Decision | undefined {
  const { state, plan, policy } = look;
  const limit = limitReached(state, policy, plan.estimate(state), at);
  if (limit === undefined) return undefined;
  const made = freshClaim(state);
  if (wish.action === 'verify' && look.bare && made !== undefined && made.valid > 0) return complete(look);
  if (wish.action === 'expert' || wish.action === 'judge') return complete(look);
  return stop(limit, { name: limit.kind });
}

/** Another step. A turn that called nothing needs a word from us, or the dialogue cannot go on. */
function goOn({ state }: Look): Decision {
  const last = state.rounds.at(-1);
  if (last === undefined || last.usedTools || last.reported) return goAhead();
  if (last.claim !== undefined) return { action: 'continue', because: [{ name: 'claim' }], text: 'Go on.' };
  return nudge(claimText(), { name: last.empty ? 'empty' : 'no_claim' });
}

function goAhead(): Decision {
  return { action: 'continue', because: [] };
}

function nudge(text: string, ...because: Signal[]): Decision {
  return { action: 'nudge', because, text };
}

function stop(reason: StopReason, ...because: Signal[]): Decision {
  return { action: 'stop', because, stop: reason };
}
