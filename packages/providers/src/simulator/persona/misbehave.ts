import { finalClaim, interimClaim } from './claim.ts';
import type { Study } from './insight.ts';
import { investigate, report } from './investigate.ts';
import type { Mood } from './mood.ts';
import { REPORT } from './move.ts';
import type { Call, Move } from './move.ts';

/** What {@link misbehave} is given. */
interface Scene {
  readonly study: Study;
  readonly offered: ReadonlySet<string>;
  /** Turns the model has taken so far. */
  readonly turn: number;
}

/** The next turn of a persona in the given mood. */
export function misbehave(mood: Mood, scene: Scene): Move {
  const { study, offered, turn } = scene;
  const plausible = (): Move => investigate(study, offered);
  switch (mood) {
    case 'plausible':
      return plausible();
    case 'loop':
      return { reasoning: 'Look again.', calls: [sameCall(scene)] };
    case 'stall':
      return { reasoning: `Try another word, attempt ${turn + 1}.`, calls: [fruitlessCall(scene)] };
    case 'lie':
      return report(
        {
          findings: 'The cause is obvious and everything has been verified.',
          confidence: 'certain',
          next_step_required: false,
          citations: [],
        },
        'No need to look.',
      );
    case 'early-quit':
      return turn === 0 && offered.has('list_files')
        ? plausible()
        : report({ ...finalClaim(study), confidence: 'medium' }, 'That should do.');
    case 'empty':
      return { reasoning: '', text: '', calls: [] };
    case 'prose':
      return {
        reasoning: '',
        text: `I will now look into it more closely (thought ${turn + 1}). Something about the order of calls seems off.`,
        calls: [],
      };
    case 'wrong-enum':
      return rewriteReport(plausible(), (claim) => ({ ...claim, confidence: 'pretty_sure' }));
    case 'missing-fields':
      return rewriteReport(plausible(), ({ confidence }) => ({ confidence }));
    case 'claim-beside-tools':
      return beside(plausible(), scene);
    case 'claim-in-reasoning':
      return inReasoning(plausible());
    default:
      return mood satisfies never;
  }
}

function sameCall({ study, offered }: Scene): Call {
  const { conversation } = study;
  if (offered.has('read_file')) {
    const path = [...conversation.listed.keys()][0] ?? conversation.calls[0]?.arguments['path'];
    return typeof path === 'string'
      ? { name: 'read_file', arguments: { path } }
      : { name: 'list_files', arguments: {} };
  }
  return { name: REPORT, arguments: { ...interimClaim(study), findings: 'Still looking.' } };
}

function fruitlessCall({ study, offered, turn }: Scene): Call {
  if (offered.has('search_text')) return { name: 'search_text', arguments: { text: `zz-nothing-like-this-${turn}` } };
  return {
    name: REPORT,
    arguments: { ...interimClaim(study), findings: `Thinking about it, attempt ${turn + 1}.` },
  };
}

function rewriteReport(move: Move, change: (claim: Call['arguments']) => Call['arguments']): Move {
  const calls = move.calls.map((call) =>
    call.name === REPORT ? { ...call, arguments: change(call.arguments) } : call,
  );
  return { ...move, calls };
}

function beside(move: Move, { study, offered }: Scene): Move {
  if (move.calls.some((call) => call.name === REPORT)) {
    return offered.has('list_files')
      ? { ...move, calls: [...move.calls, { name: 'list_files', arguments: {} }] }
      : move;
  }
  return { ...move, calls: [...move.calls, { name: REPORT, arguments: interimClaim(study) }] };
}

function inReasoning(move: Move): Move {
  const claim = move.calls.find((call) => call.name === REPORT);
  if (claim === undefined) return move;
  return { reasoning: `I would report: ${JSON.stringify(claim.arguments)}`, text: '', calls: [] };
}
