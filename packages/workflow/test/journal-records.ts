import type { Citation, Claim } from '../src/claim.ts';
import type { EvidenceRecord, JournalRecord, RecordBody } from '../src/journal.ts';
import { DEFAULT_TERMINATION } from '../src/termination-policy.ts';

type Started = Extract<RecordBody, { type: 'run.started' }>;
type Answered = Extract<RecordBody, { type: 'model.finished' }>;

/** A journal of these records, one second apart. */
export function journalOf(...bodies: readonly RecordBody[]): JournalRecord[] {
  return bodies.map((body, index) => ({ ...body, seq: index + 1, at: 1000 * (index + 1) }));
}

/** The start of a run that a model drives. */
export const started = (change: Partial<Started> = {}): Started => ({
  type: 'run.started',
  mode: 'engine',
  workflow: 'investigate',
  workflowVersion: 1,
  input: { prompt: 'why?' },
  policy: DEFAULT_TERMINATION,
  canAsk: false,
  tools: ['look'],
  ...change,
});

/** A call of the model that is sent. */
export const asked = (step: number): RecordBody => ({
  type: 'step.started',
  step,
  purpose: 'step',
  model: 'glm-5',
  reserved: { tokens: 10 },
});

/** An answer of the model: a text without calls, unless `change` says otherwise. */
export const answered = (step: number, change: Partial<Answered> = {}): RecordBody => ({
  type: 'model.finished',
  step,
  purpose: 'step',
  text: 'I see.',
  reasoning: '',
  toolCalls: [],
  finishReason: 'stop',
  model: 'glm-5',
  ...change,
});

/** Evidence that a tool gave. */
export const saw = (step: number, ...items: readonly (Partial<EvidenceRecord> & { source: string })[]): RecordBody => ({
  type: 'evidence',
  step,
  index: 0,
  items: items.map((item) => ({ key: item.source, grade: 'observed', text: `text of ${item.source}`, ...item })),
});

/** A claim; by default a sure one that wants no further step and cites nothing. */
export function claimed(
  step: number,
  citations: readonly Citation[] = [],
  change: Partial<Claim> & { readonly p?: number } = {},
): RecordBody {
  const { p = 0.9, ...rest } = change;
  const claim: Claim = {
    findings: 'It throws.',
    confidence: 'certain',
    next_step_required: false,
    citations: [...citations],
    ...rest,
  };
  return { type: 'claim', step, claim, via: 'report_step', p, n: 3 };
}
