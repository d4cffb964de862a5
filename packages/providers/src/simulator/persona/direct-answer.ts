import { findBugs } from './bug-patterns.ts';
import { readCode } from './code-blocks.ts';
import type { Conversation } from './conversation.ts';
import type { Role } from './role.ts';
import { findWeaknesses } from './weakness-patterns.ts';
import { clip } from './wording.ts';

const OPENINGS = ['In short:', 'The short answer:', 'Briefly:'] as const;

/** The answer of a role that answers in one message. */
export function directAnswer(conversation: Conversation, role: Role, seed: number): string {
  const question = clip(conversation.task, 200);
  if (role === 'challenge') return objection(question);
  if (role === 'opinion') return opinion(conversation, question);
  if (role === 'reviewer') return verdict(conversation);
  return chatAnswer(conversation, question, seed);
}

function objection(question: string): string {
  return [
    `The statement: ${question}`,
    'Weakest point: it takes for granted that the present case is the usual one. Count how often it holds before you rely on it.',
    'What would settle it: one measurement on real data, with the opposite outcome written down beforehand.',
    'If that measurement agrees, the statement stands.',
  ].join('\n');
}

function chatAnswer(conversation: Conversation, question: string, seed: number): string {
  const opening = OPENINGS[Math.abs(seed + question.length) % OPENINGS.length] ?? OPENINGS[0];
  const pasted = conversation.pasted === undefined ? [] : [conversation.pasted];
  const [fault] = [...findBugs(pasted.map(readCode)), ...findWeaknesses(pasted)];
  if (fault !== undefined) {
    return `${opening} line ${fault.line} of the pasted code looks wrong.\n\n    ${fault.quote}\n\n${fault.problem} ${fault.fix}`;
  }
  return [
    `${opening} you asked “${question}”.`,
    'Start from the smallest case that shows it, write down what you expect, and change one thing at a time.',
    'I am a simulated model: this shows how an answer travels, not what one would know.',
  ].join('\n');
}

function opinion({ system }: Conversation, question: string): string {
  const side = /case against/i.test(system) ? 'against' : /case for/i.test(system) ? 'for' : 'neutral';
  const reasons = {
    for: 'The gain is early and visible, the cost is bounded, and the step can be taken back.',
    against:
      'The cost comes later than the gain and is easy to underrate: upkeep, one more thing to know, one more way to fail.',
    neutral: 'It is worth it where it is measured and can be taken back, and not where it cannot.',
  } as const;
  return `On “${question}”: ${reasons[side]} What would change my mind is one measurement that says otherwise.`;
}

/** Judges what it is shown: agrees when places that were seen back the findings, and names what is missing when not. */
function verdict({ task, wanted }: Conversation): string {
  const [, evidence = ''] = task.split(/^Cited evidence:\n/m);
  const unseen = [...evidence.matchAll(/^(?<source>.+): never seen$/gm)].map((match) => match.groups?.['source'] ?? '');
  const isBare = evidence.trim() === '' || evidence.trim() === 'none';
  const gaps = [
    ...(isBare ? ['no cited evidence supports the findings'] : []),
    ...unseen.map((source) => `${source} was cited and never seen`),
  ];
  const reason =
    gaps.length === 0 ? 'The cited places say what the findings say.' : `Not supported: ${gaps.join('; ')}.`;
  const missing = gaps.length === 0 ? [] : [...gaps, ...(isBare ? wanted.map(({ id }) => id) : [])];
  return JSON.stringify({ ok: gaps.length === 0, gaps: missing, reason });
}
