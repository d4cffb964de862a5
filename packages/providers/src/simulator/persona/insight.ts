import { findBugs } from './bug-patterns.ts';
import { readCode } from './code-blocks.ts';
import { PASTED } from './conversation.ts';
import type { Conversation } from './conversation.ts';
import { findLandmarks } from './landmarks.ts';
import type { Landmark } from './landmarks.ts';
import type { Role } from './role.ts';
import type { Suspect } from './suspect.ts';
import { findInputs, findWeaknesses } from './weakness-patterns.ts';

/** What the persona makes of the files it has read. */
export interface Insight {
  /** What looks wrong, the surest first. */
  readonly suspects: readonly Suspect[];
  /** Places worth pointing at, most telling first. */
  readonly landmarks: readonly Landmark[];
}

/** A conversation, what the persona is in it, and what it makes of it: everything a move follows from. */
export interface Study {
  readonly conversation: Conversation;
  readonly role: Role;
  readonly insight: Insight;
}

/** A place and what it shows. */
export interface Place {
  readonly source: string;
  readonly quote: string;
}

/** Most landmarks kept. */
const MOST_LANDMARKS = 40;

/** Looks at the files read so far with the eyes of a role. */
export function lookAt(conversation: Conversation, role: Role): Insight {
  const files = [...(conversation.pasted === undefined ? [] : [conversation.pasted]), ...conversation.files];
  const code = files.map(readCode);
  const bugs = role === 'secaudit' ? [] : findBugs(code);
  const weaknesses = role === 'debug' || role === 'tracer' ? [] : findWeaknesses(files);
  const suspects = [...bugs, ...weaknesses].sort((a, b) => b.weight - a.weight || (placeOf(a) < placeOf(b) ? -1 : 1));
  const inputs =
    role === 'secaudit' ? findInputs(files).map((input) => ({ ...input, kind: 'calls' as const, name: 'input' })) : [];
  return { suspects, landmarks: [...inputs, ...findLandmarks(code)].slice(0, MOST_LANDMARKS) };
}

/** The place of a suspect or landmark, as `file:line`. */
export function placeOf(at: { readonly file: string; readonly line: number }): string {
  return `${at.file}:${at.line}`;
}

/** Requirements that one fault answers; for others, places in several files say more. */
const ABOUT_THE_FAULT: ReadonlySet<string> = new Set(['symptom', 'root_cause', 'fix', 'verdict']);

/**
 * The places an insight can cite for one requirement, in the order they should be used; each only once. Unless the
 * requirement is about a fault that was found, the first places are in different files.
 */
export function placesFor(insight: Insight, wantedId: string): Place[] {
  const [suspect] = insight.suspects;
  const fault = suspect === undefined ? [] : [toPlace(suspect)];
  const related = suspect?.file === PASTED ? [] : (suspect?.related ?? []).map((source) => ({ source, quote: '' }));
  if (suspect !== undefined && ABOUT_THE_FAULT.has(wantedId)) {
    return wantedId === 'symptom' ? [...related, ...fault] : fault;
  }
  const telling = (KINDS[wantedId] ?? []).flatMap((kind) => insight.landmarks.filter((mark) => mark.kind === kind));
  return spread([...telling.map(toPlace), ...fault, ...insight.landmarks.map(toPlace)]);
}

/** Which landmarks say most about a requirement, in this order. */
const KINDS: Readonly<Record<string, readonly Landmark['kind'][]>> = {
  callers: ['calls', 'imports'],
  links: ['calls', 'imports'],
  effect: ['calls', 'imports'],
  surface: ['calls', 'imports'],
  edges: ['branches', 'calls'],
  behaviour: ['branches', 'calls'],
  structure: ['imports', 'defines'],
  coverage: ['defines', 'imports'],
  entry: ['defines'],
  subject: ['defines'],
};

/** The first place of each file, then the others; each place once. */
function spread(places: readonly Place[]): Place[] {
  const fileOf = ({ source }: Place): string => source.replace(/:\d+$/, '');
  const once = places.filter((place, index) => places.findIndex(({ source }) => source === place.source) === index);
  const isFirst = (place: Place): boolean => once.find((other) => fileOf(other) === fileOf(place)) === place;
  return [...once.filter(isFirst), ...once.filter((place) => !isFirst(place))];
}

/** Code that came with the task is cited by its words, since it has no place of its own. */
function toPlace(at: { readonly file: string; readonly line: number; readonly quote: string }): Place {
  return { source: at.file === PASTED ? 'prompt' : placeOf(at), quote: at.quote };
}
