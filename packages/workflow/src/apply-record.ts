import type { Claim } from './claim.ts';
import { REPORT_STEP } from './claim.ts';
import { digest, likeness, mask, sketch } from './fingerprint.ts';
import type { EvidenceRecord, JournalRecord, RecordOf } from './journal.ts';
import type { ModelSource } from './model.ts';
import { readOptions } from './read-options.ts';
import { emptyState, type RunState, type SeenEvidence, type Turn } from './run-state.ts';
import { covers, parseSource } from './source-place.ts';

/** The state after all the given records. */
export function fold(records: Iterable<JournalRecord>): RunState {
  const state = emptyState();
  for (const record of records) applyRecord(state, record);
  return state;
}

/** Adds one record to a state the caller owns. Nothing but the record decides what happens. */
export function applyRecord(state: RunState, record: JournalRecord): void {
  state.seq = record.seq;
  state.at = record.at;
  switch (record.type) {
    case 'run.started':
      return onStarted(state, record);
    case 'step.started':
      return onCall(state, record);
    case 'model.finished':
      return onAnswer(state, record);
    case 'model.failed':
      state.openCalls.delete(callKey(record));
      if (record.purpose === 'step') state.failed = record.error;
      if (record.purpose === 'final') state.finalText = '';
      if (record.purpose === 'panel') state.panel.add(record.member ?? '');
      return;
    case 'budget':
      state.spent = record.spent;
      return;
    case 'tool.started':
      state.openTools.set(record.index, record);
      return;
    case 'tool.finished':
      return onToolFinished(state, record);
    case 'evidence':
      return onEvidence(state, record);
    case 'claim':
      return onClaim(state, record);
    case 'claim.rejected':
      setRejected(state, record.error);
      return;
    case 'decision':
      return onDecision(state, record);
    case 'verdict':
      state.pending = undefined;
      state.verdicts.push({ ...record, findings: state.claims.at(-1)?.claim.findings ?? '' });
      return;
    case 'step.finished':
      return endStep(state);
    case 'run.suspended':
      state.suspended = record.request;
      return;
    case 'run.resumed':
      return onResumed(state, record);
    case 'run.finished':
      state.finished = record.result;
      state.pending = undefined;
      return;
  }
}

/** Names one model call among those that may be open at once. */
export function callKey(call: { readonly purpose: string; readonly member?: string }): string {
  return call.member === undefined ? call.purpose : `${call.purpose}:${call.member}`;
}

function onStarted(state: RunState, record: RecordOf<'run.started'>): void {
  state.start = record;
  state.startedAt = record.at;
  state.policy = record.policy;
  state.budget = record.budget ?? {};
  state.deadlineAt = record.deadlineAt;
  const { prompt } = readOptions(record.input);
  if (prompt !== undefined) seeAll(state, [{ source: 'prompt', key: 'prompt', grade: 'attested', text: prompt }], '');
}

function onCall(state: RunState, record: RecordOf<'step.started'>): void {
  state.openCalls.set(callKey(record), record);
  state.callStartedAt = record.at;
  if (record.purpose !== 'step') return;
  state.steps = record.step;
  state.pending = undefined;
}

function onAnswer(state: RunState, record: RecordOf<'model.finished'>): void {
  state.openCalls.delete(callKey(record));
  state.callMs += Math.max(0, record.at - state.callStartedAt);
  if (record.purpose === 'panel') return onPanel(state, record);
  if (record.purpose === 'expert' || record.purpose === 'judge') return;
  state.lastModel = record.model;
  if (record.sources !== undefined) onSources(state, record.sources);
  if (record.purpose === 'final') {
    state.finalText = record.text;
    return;
  }
  state.openStep = record;
  state.done.escalated = false;
  const { step, text, reasoning, toolCalls } = record;
  addTurn(state, { kind: 'assistant', step, text, reasoning, toolCalls });
  state.rounds.push({
    step,
    calls: [],
    novel: 0,
    weak: 0,
    places: new Set(),
    usedTools: toolCalls.some(({ name }) => name !== REPORT_STEP),
    reported: toolCalls.some(({ name }) => name === REPORT_STEP),
    empty: text.trim() === '' && toolCalls.length === 0,
    claim: undefined,
    rejected: undefined,
  });
}

function onPanel(state: RunState, record: RecordOf<'model.finished'>): void {
  const member = record.member ?? '';
  state.panel.add(member);
  const source = `panel:${member}`;
  addTurn(state, { kind: 'user', step: 0, text: `Answer of ${member} (source ${source}):\n${record.text}` });
  seeAll(state, [{ source, key: digest(record.text), grade: 'observed' }], record.text);
}

function onSources(state: RunState, sources: readonly ModelSource[]): void {
  state.sources.push(...sources);
  const seen = sources.flatMap(({ url, title, content }): EvidenceRecord[] => {
    const text = `${title ?? ''} ${content ?? ''}`.trim();
    return url === undefined ? [] : [{ source: url, key: digest(mask(text)), grade: 'observed', text }];
  });
  seeAll(state, seen, '');
}

function onToolFinished(state: RunState, record: RecordOf<'tool.finished'>): void {
  const started = state.openTools.get(record.index);
  state.openTools.delete(record.index);
  state.doneTools.set(record.index, record);
  state.rounds.at(-1)?.calls.push({
    name: record.name,
    print: started?.print,
    soft: started?.soft,
    pollUntil: started?.pollUntil,
    result: record.print,
    softResult: record.soft,
    isError: record.isError,
    finishedAt: record.at,
  });
}

function onEvidence(state: RunState, record: RecordOf<'evidence'>): void {
  const content = state.doneTools.get(record.index)?.content ?? '';
  const { novel, weak } = seeAll(state, record.items, content);
  const round = state.rounds.at(-1);
  if (round !== undefined) {
    round.novel += novel;
    round.weak += weak;
    for (const { source } of record.items) round.places.add(parseSource(source).base);
  }
  if (novel > 0) state.done.verify = 0;
}

/** Two texts of one place that are at least this alike are the same thing said again. */
const ALIKE = 0.75;
/** A place that has already given this many different texts gives news only weakly. */
const TALKATIVE = 6;

function seeAll(state: RunState, items: readonly EvidenceRecord[], content: string): { novel: number; weak: number } {
  let novel = 0;
  let weak = 0;
  for (const item of items) {
    const key = `${item.source} ${item.key}`;
    if (state.evidenceKeys.has(key)) continue;
    state.evidenceKeys.add(key);
    const seen: SeenEvidence = { ...item, text: item.text ?? content, place: parseSource(item.source) };
    const before = state.evidenceByBase.get(seen.place.base) ?? [];
    if (isSaidAgain(before, seen)) weak += 1;
    else novel += 1;
    before.push(seen);
    state.evidenceByBase.set(seen.place.base, before);
    state.evidence.push(seen);
  }
  return { novel, weak };
}

function isSaidAgain(before: readonly SeenEvidence[], seen: SeenEvidence): boolean {
  const sameSource = before.filter(({ source }) => source === seen.source);
  if (sameSource.length >= TALKATIVE) return true;
  const own = seen.sketch ?? sketch(seen.text);
  return before.slice(-TALKATIVE).some((other) => likeness(other.sketch ?? sketch(other.text), own) >= ALIKE);
}

function onClaim(state: RunState, record: RecordOf<'claim'>): void {
  const valid = backRequirements(state, record.claim);
  const made = { step: record.step, claim: record.claim, p: record.p, n: record.n, valid };
  state.claims.push(made);
  const round = state.rounds.at(-1);
  if (round !== undefined) round.claim = made;
}

/** Notes what each citation points at; a citation of something never seen is worth nothing. */
function backRequirements(state: RunState, claim: Claim): number {
  let valid = 0;
  for (const { source, quote, requirement } of claim.citations) {
    const key = `${requirement ?? ''}\n${source}\n${quote ?? ''}`;
    const known = state.held.get(key);
    const found = known ?? findEvidence(state, source, quote);
    if (found === undefined) continue;
    valid += found.source === 'prompt' ? 0 : 1;
    if (known !== undefined) continue;
    state.held.set(key, found);
    if (requirement !== undefined) backWith(state, requirement, found);
  }
  return valid;
}

function backWith(state: RunState, requirement: string, found: SeenEvidence): void {
  const backed = state.backed.get(requirement) ?? new Set();
  backed.add(found);
  state.backed.set(requirement, backed);
}

/**
 * The piece of evidence that a citation points at: the place was seen, and a quote is really there. Of several, the one
 * named exactly, else the one known best, else the newest.
 */
export function findEvidence(state: RunState, source: string, quote: string | undefined): SeenEvidence | undefined {
  const cited = parseSource(source);
  const words = quote === undefined ? '' : squeeze(quote);
  let best: SeenEvidence | undefined;
  for (const seen of state.evidenceByBase.get(cited.base) ?? []) {
    if (!covers(seen.place, cited) || (words !== '' && !squeeze(seen.text).includes(words))) continue;
    if (best === undefined || worth(seen, source) >= worth(best, source)) best = seen;
  }
  return best;
}

const WORTH = { attested: 0, checked: 1, observed: 2 } as const;

function worth(seen: SeenEvidence, source: string): number {
  return (seen.source === source ? 3 : 0) + WORTH[seen.grade];
}

/** Quotes are compared without spacing, case and the line numbers that file tools print. */
function squeeze(text: string): string {
  return text
    .replaceAll(/^\s*\d+\|/gm, '')
    .replaceAll(/\s+/g, '')
    .toLowerCase();
}

function setRejected(state: RunState, error: string): void {
  const round = state.rounds.at(-1);
  if (round !== undefined) round.rejected = error;
}

function onDecision(state: RunState, record: RecordOf<'decision'>): void {
  state.pending = record;
  if (record.text !== undefined) addTurn(state, { kind: 'user', step: record.step, text: record.text });
  const { done } = state;
  const rung = record.because.find(({ name }) => name === 'rung');
  if (typeof rung?.value === 'number') {
    done.rung = rung.value + 1;
    done.total += 1;
    done.windowFrom = state.rounds.length;
  }
  done.covered = record.because.some(({ name }) => name === 'covered') ? done.covered + 1 : 0;
  if (record.action === 'escalate') done.escalated = true;
  if (record.action === 'repair') done.repairs += 1;
  if (record.action === 'verify') {
    done.verify += 1;
    done.verifyTotal += 1;
  }
  if (record.action === 'wrap_up') {
    done.wrapUps += 1;
    done.wrapUpAt = state.steps;
  }
}

function endStep(state: RunState): void {
  const open = state.openStep;
  if (open !== undefined) {
    for (const [index, call] of open.toolCalls.entries()) {
      const finished = state.doneTools.get(index);
      const content = finished?.content ?? (call.name === REPORT_STEP ? 'noted' : 'not run');
      const sideEffect = finished?.sideEffect ?? false;
      addTurn(state, { kind: 'tool', step: open.step, callId: call.id, name: call.name, content, sideEffect });
    }
  }
  state.openStep = undefined;
  state.openTools.clear();
  state.doneTools.clear();
}

function onResumed(state: RunState, record: RecordOf<'run.resumed'>): void {
  state.suspended = undefined;
  state.finished = undefined;
  state.failed = undefined;
  state.pending = undefined;
  state.done.windowFrom = state.rounds.length;
  state.done.rung = 0;
  state.done.total = 0;
  state.done.verify = 0;
  const { answer, grant } = record;
  if (answer !== undefined || grant !== undefined) state.finalText = undefined;
  // An answer about an interrupted call becomes that call's result; between a call and its result nothing may be said.
  if (answer !== undefined && state.openStep === undefined) {
    addTurn(state, { kind: 'user', step: state.steps, text: answer });
  }
  if (grant === undefined) return;
  state.grantedSteps += grant.steps ?? 0;
  if (grant.deadlineAt !== undefined) state.deadlineAt = grant.deadlineAt;
  const { tokens, usd, ...rest } = state.budget;
  state.budget = {
    ...rest,
    ...(tokens === undefined ? {} : { tokens: tokens + (grant.tokens ?? 0) }),
    ...(usd === undefined ? {} : { usd: usd + (grant.usd ?? 0) }),
  };
}

function addTurn(state: RunState, turn: Turn): void {
  state.turns.push(turn);
  state.turnChars += turnChars(turn);
}

/** Characters around the text of a message or a call: role, ids, quoting. */
const FRAME = 80;

/** Characters a turn adds to the prompt. */
export function turnChars(turn: Turn): number {
  if (turn.kind === 'user') return FRAME + turn.text.length;
  if (turn.kind === 'tool') return FRAME + turn.content.length + turn.name.length;
  const calls = turn.toolCalls.reduce((sum, call) => sum + callChars(call), 0);
  return FRAME + turn.text.length + turn.reasoning.length + calls;
}

function callChars(call: {
  readonly name: string;
  readonly arguments: unknown;
  readonly raw?: string | undefined;
}): number {
  return FRAME + call.name.length + (call.raw?.length ?? JSON.stringify(call.arguments ?? null).length);
}
