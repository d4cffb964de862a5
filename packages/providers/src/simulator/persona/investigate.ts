import { chooseFiles } from './choose-files.ts';
import { finalClaim, interimClaim } from './claim.ts';
import type { Conversation } from './conversation.ts';
import type { Study } from './insight.ts';
import { REPORT } from './move.ts';
import type { Call, Move } from './move.ts';

/** Files read in one turn. */
const FILES_PER_TURN = 2;
/** Files read before a conclusion, and how many more after each request to go on. */
const MOST_FILES = 6;
const MORE_FILES = 4;
/** With a sure suspect, this many files are enough. */
const ENOUGH_FILES = 3;
const SURE = 0.75;

/** What a careful engineer does next: look around, read what matters, report, and end when there is nothing left to learn. */
export function investigate(study: Study, offered: ReadonlySet<string>): Move {
  const { conversation } = study;
  if (isAskedToEnd(conversation)) return report(finalClaim(study), 'Nothing new has come, so sum up.');
  const look = firstLook(study, offered);
  if (look !== undefined) return look;
  const last = conversation.calls.at(-1)?.name;
  if (offered.has(REPORT) && last !== undefined && last !== REPORT && last !== 'list_files' && !isEnough(study)) {
    return report(interimClaim(study), 'Write down what these files show before going on.');
  }
  const calls = isEnough(study) ? [] : nextReads(study, offered);
  if (calls.length > 0)
    return {
      reasoning: `Next: ${calls.map(({ arguments: ask }) => String(ask['path'] ?? ask['text'])).join(', ')}.`,
      calls,
    };
  if (!offered.has('read_file') && !conversation.calls.some((call) => call.name === REPORT)) {
    return report(interimClaim(study), 'There is nothing to look things up with, so think it through first.');
  }
  return report(finalClaim(study), 'Everything that could be seen has been seen; sum up.');
}

/** A turn that only reports. */
export function report(claim: Readonly<Record<string, unknown>>, reasoning: string): Move {
  return { reasoning, calls: [{ name: REPORT, arguments: claim }] };
}

/** The last thing said is a request to finish. */
function isAskedToEnd({ remarks, isAnswerDue }: Conversation): boolean {
  return isAnswerDue && /If the work is finished/.test(remarks.at(-1) ?? '');
}

function firstLook({ conversation, role }: Study, offered: ReadonlySet<string>): Move | undefined {
  const made = (name: string): boolean => conversation.calls.some((call) => call.name === name);
  if (role === 'precommit' && offered.has('git_diff') && !made('git_diff')) {
    return {
      reasoning: 'The change itself comes first.',
      calls: [
        { name: 'git_diff', arguments: {} },
        { name: 'git_diff', arguments: { staged: true } },
      ],
    };
  }
  if (!offered.has('list_files') || made('list_files')) return undefined;
  return { reasoning: 'First see which files there are.', calls: [{ name: 'list_files', arguments: {} }] };
}

function nextReads(study: Study, offered: ReadonlySet<string>): Call[] {
  if (!offered.has('read_file')) return [];
  const reads = chooseFiles(study.conversation, FILES_PER_TURN).map((path) => ({
    name: 'read_file',
    arguments: { path },
  }));
  const search = offered.has('search_text') ? nextSearch(study) : undefined;
  return search === undefined || reads.length === 0 ? reads : [...reads, search];
}

/** One search: where the thing in question is used. */
function nextSearch({ conversation, insight }: Study): Call | undefined {
  if (conversation.files.length === 0 || conversation.calls.some((call) => call.name === 'search_text'))
    return undefined;
  const { suspects, landmarks } = insight;
  const taken = /\.(?<verb>[\w$]+)\(/.exec(suspects[0]?.problem ?? '')?.groups?.['verb'];
  const text = taken ?? landmarks.find((mark) => mark.kind === 'defines')?.name;
  return text === undefined ? undefined : { name: 'search_text', arguments: { text } };
}

function isEnough({ conversation, insight }: Study): boolean {
  const ended = conversation.calls.filter(
    (call) => call.name === REPORT && call.arguments['next_step_required'] === false,
  );
  const read = conversation.calls.filter((call) => call.name === 'read_file').length;
  if (read >= MOST_FILES + MORE_FILES * ended.length) return true;
  if (chooseFiles(conversation, 1).length === 0) return true;
  if (ended.length > 0) return false;
  return read >= ENOUGH_FILES && (insight.suspects[0]?.weight ?? 0) >= SURE;
}
