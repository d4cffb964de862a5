import type { Conversation } from './conversation.ts';
import { placeOf, placesFor } from './insight.ts';
import type { Insight, Study } from './insight.ts';
import { REPORT } from './move.ts';
import type { Suspect } from './suspect.ts';
import { readNames, summarize } from './wording.ts';

/** The arguments of a report. */
interface ClaimArguments extends Readonly<Record<string, unknown>> {
  readonly findings: string;
  readonly confidence: string;
  readonly next_step_required: boolean;
  readonly citations: readonly { readonly source: string; readonly quote?: string; readonly requirement?: string }[];
}

/** Confidence of the first, second, third … report while work goes on. */
const RISING = ['exploring', 'low', 'medium', 'high'] as const;
/** Most citations for one requirement. */
const CITES_PER_REQUIREMENT = 2;

/** A report between two looks: what is known by now, a little surer each time. */
export function interimClaim({ conversation, insight }: Study): ClaimArguments {
  const earlier = conversation.calls.filter((call) => call.name === REPORT).length;
  return {
    findings: `Report ${earlier + 1}. ${summarize(conversation, insight)}`,
    confidence: RISING[Math.min(earlier + (insight.suspects.length > 0 ? 1 : 0), RISING.length - 1)] ?? 'low',
    next_step_required: true,
    ...hypothesis(insight),
    citations: cite(conversation, insight).slice(0, 2),
  };
}

/** The last report: everything wanted is backed by a place, as far as places were seen. */
export function finalClaim({ conversation, insight }: Study): ClaimArguments {
  const citations = cite(conversation, insight);
  return {
    findings: `${summarize(conversation, insight)} ${conclusion(conversation, insight)}`,
    confidence: finalConfidence(insight, citations.length),
    next_step_required: false,
    ...hypothesis(insight),
    citations,
    ...(insight.suspects.length === 0 ? {} : { issues_found: insight.suspects.slice(0, 10).map(toIssue) }),
  };
}

function finalConfidence({ suspects }: Insight, cited: number): string {
  if (cited === 0) return 'high';
  return (suspects[0]?.weight ?? 0) >= 0.9 ? 'almost_certain' : 'very_high';
}

function hypothesis({ suspects }: Insight): { hypothesis?: string } {
  const [first] = suspects;
  return first === undefined ? {} : { hypothesis: `${placeOf(first)}: ${first.problem}` };
}

function conclusion({ wanted, files, pasted }: Conversation, { suspects }: Insight): string {
  const [first] = suspects;
  if (first !== undefined) return `The change: ${first.fix}`;
  if (files.length === 0 && pasted === undefined) return 'No files were at hand, so this rests on the question alone.';
  return `Nothing suspicious was found in ${files.length === 0 ? 'the pasted code' : readNames(files)}.${wanted.length > 0 ? ' The places cited show what was looked at.' : ''}`;
}

/** Cites places for each thing wanted; without a checklist, the most telling places. */
function cite(conversation: Conversation, insight: Insight): ClaimArguments['citations'] {
  const panel = panelSources(conversation);
  if (panel.length > 0) return panel.map((source) => ({ source, requirement: 'voices' }));
  if (conversation.wanted.length === 0)
    return placesFor(insight, '')
      .slice(0, CITES_PER_REQUIREMENT + 1)
      .map(withQuote);
  return conversation.wanted.flatMap(({ id }) =>
    placesFor(insight, id)
      .slice(0, CITES_PER_REQUIREMENT)
      .map((place) => ({ ...withQuote(place), requirement: id })),
  );
}

function withQuote({ source, quote }: { source: string; quote: string }): { source: string; quote?: string } {
  return quote === '' ? { source } : { source, quote: quote.slice(0, 200) };
}

/** Answers of other models, by the names the conversation gives them. */
function panelSources({ task, remarks, calls }: Conversation): string[] {
  const texts = [task, ...remarks, ...calls.flatMap((call) => call.result ?? [])];
  const found = texts.flatMap((text) => text.match(/\bpanel:[\w.-]*\w/g) ?? []);
  return [...new Set(found)];
}

function toIssue(suspect: Suspect): { severity: string; description: string } {
  return {
    severity: suspect.severity,
    description: `${placeOf(suspect)} ${suspect.kind}: ${suspect.problem} ${suspect.fix}`,
  };
}
