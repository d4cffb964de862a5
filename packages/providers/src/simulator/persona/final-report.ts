import type { Conversation } from './conversation.ts';
import { placeOf } from './insight.ts';
import type { Insight, Study } from './insight.ts';
import type { Landmark } from './landmarks.ts';
import type { Role } from './role.ts';
import type { Suspect } from './suspect.ts';
import { clip, readNames } from './wording.ts';

const TITLE: Readonly<Record<Role, string>> = {
  debug: 'Root cause',
  thinkdeep: 'Considered answer',
  analyze: 'Assessment',
  codereview: 'Review',
  planner: 'Plan',
  consensus: 'Recommendation',
  secaudit: 'Security audit',
  testgen: 'Tests',
  refactor: 'Refactorings',
  precommit: 'Check before commit',
  tracer: 'Trace',
  docgen: 'Documentation',
  challenge: 'Examination',
  opinion: 'Opinion',
  reviewer: 'Verdict',
  chat: 'Answer',
};

/** Most entries of a list in a report. */
const MOST_ENTRIES = 8;

/** The readable report at the end of a run, from what the conversation shows. */
export function finalReport({ conversation, role, insight }: Study): string {
  return [
    `## ${TITLE[role]}`,
    '',
    ...answer(conversation, insight, role),
    '',
    '### What this rests on',
    conversation.files.length === 0 ? 'No file was read.' : `Read: ${readNames(conversation.files)}.`,
  ].join('\n');
}

function answer(conversation: Conversation, insight: Insight, role: Role): string[] {
  if (role === 'consensus') return weigh(conversation);
  const faults = insight.suspects.slice(0, MOST_ENTRIES).flatMap(faultLines);
  const map = insight.landmarks.filter(isShown(role)).slice(0, MOST_ENTRIES).map(toLine);
  if (conversation.files.length === 0 && conversation.pasted === undefined) return unseen(conversation);
  if (role === 'debug' || role === 'codereview' || role === 'secaudit' || role === 'precommit') {
    return faults.length > 0 ? faults : ['Nothing wrong was found in what was read.', ...map];
  }
  return [...map, ...(faults.length > 0 ? ['', 'Worth attention:', ...faults] : [])];
}

function isShown(role: Role): (mark: Landmark) => boolean {
  if (role === 'tracer') return (mark) => mark.kind !== 'branches';
  if (role === 'testgen') return (mark) => mark.kind === 'branches' || mark.kind === 'defines';
  return (mark) => mark.kind === 'defines' || mark.kind === 'imports';
}

function faultLines(suspect: Suspect): string[] {
  return [
    `- **${suspect.severity}** \`${placeOf(suspect)}\` ${suspect.kind}: \`${clip(suspect.quote, 120)}\``,
    `  ${suspect.problem}`,
    `  Change: ${suspect.fix}`,
    ...(suspect.related.length === 0 ? [] : [`  See also: ${suspect.related.join(', ')}`]),
  ];
}

function toLine(mark: Landmark): string {
  return `- \`${placeOf(mark)}\` ${mark.kind} ${clip(mark.name, 80)}`;
}

function weigh(conversation: Conversation): string[] {
  const voices = [
    ...new Set([conversation.task, ...conversation.remarks].flatMap((text) => text.match(/\bpanel:[\w.-]*\w/g) ?? [])),
  ];
  return [
    `The question: ${clip(conversation.task, 200)}`,
    ...voices.map((voice) => `- ${voice}: taken into account for its reasons, not for its side.`),
    'The answers agree on the facts and differ on what to value. Go ahead in a small, reversible step and measure; a failed measurement would change this.',
  ];
}

function unseen(conversation: Conversation): string[] {
  return [
    `The question: ${clip(conversation.task, 300)}`,
    '- Narrow it down to the smallest case that shows it.',
    '- Check the assumption it rests on first; it is the cheapest to test.',
    '- This is an answer of a simulated model that had no files to look at.',
  ];
}
