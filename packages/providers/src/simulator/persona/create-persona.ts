import type { Persona, PersonaReply, SimulatedCall } from '../persona-reply.ts';
import { readConversation } from './conversation.ts';
import { directAnswer } from './direct-answer.ts';
import { finalReport } from './final-report.ts';
import { lookAt } from './insight.ts';
import { misbehave } from './misbehave.ts';
import type { Mood } from './mood.ts';
import type { Move } from './move.ts';
import { REPORT } from './move.ts';
import { roleOf } from './role.ts';
import type { Role } from './role.ts';

/** Options of {@link createPersona}. */
export interface PersonaOptions {
  /** Varies the wording of direct answers, never what is found. @defaultValue 1 */
  readonly seed?: number;
  /** How it behaves while tools are offered, fixed or by turn (from 0). @defaultValue 'plausible' */
  readonly mood?: Mood | ((turn: number, call: SimulatedCall) => Mood);
}

/** Functions a persona knows how to use. */
const KNOWN: ReadonlySet<string> = new Set([REPORT, 'list_files', 'read_file', 'search_text', 'git_diff']);
/** Roles that are answered in one message even when the caller offers functions. */
const DIRECT: ReadonlySet<Role> = new Set(['chat', 'challenge', 'opinion', 'reviewer']);

/**
 * Makes a persona that plays a model at work, for {@link SimulatorOptions.persona}: with `report_step` and file functions
 * offered it looks around, reads, reports with places it has seen, and ends; without functions it writes the report or
 * answers directly. It knows only what the conversation says, so equal conversations get equal answers. Calls it does not
 * understand (foreign functions, forced choices, JSON wanted, a pending web search) are left to the simulator.
 */
export function createPersona(options: PersonaOptions = {}): Persona {
  const { seed = 1, mood = 'plausible' } = options;
  return (call) => {
    if (isForeign(call)) return undefined;
    const conversation = readConversation(call);
    const role = roleOf(conversation);
    const offered = new Set(call.tools.map((tool) => tool.name).filter((name) => KNOWN.has(name)));
    if (DIRECT.has(role) && (isOff(call, offered) || !offered.has(REPORT))) {
      return { text: directAnswer(conversation, role, seed) };
    }
    const study = { conversation, role, insight: lookAt(conversation, role) };
    if (isOff(call, offered)) return { reasoning: 'Sum up what was seen.', text: finalReport(study) };
    const turn = call.messages.filter((message) => message.role === 'assistant').length;
    const now = typeof mood === 'function' ? mood(turn, call) : mood;
    return toReply(misbehave(now, { study, offered, turn }), offered, () => finalReport(study));
  };
}

/** Without `report_step`, a report is what ends the work, as plain text. */
function toReply(move: Move, offered: ReadonlySet<string>, text: () => string): PersonaReply {
  const calls = move.calls.filter((call) => offered.has(call.name));
  if (calls.length === 0 && move.calls.length > 0) return { reasoning: move.reasoning, text: text() };
  return {
    reasoning: move.reasoning,
    ...(move.text === undefined ? {} : { text: move.text }),
    ...(calls.length === 0 ? {} : { toolCalls: calls }),
  };
}

function isOff(call: SimulatedCall, offered: ReadonlySet<string>): boolean {
  return offered.size === 0 || call.body['tool_choice'] === 'none';
}

function isForeign(call: SimulatedCall): boolean {
  const choice = call.body['tool_choice'];
  if (call.json || choice === 'required' || (typeof choice === 'object' && choice !== null)) return true;
  if (searchPending(call)) return true;
  return call.tools.length > 0 && !call.tools.some((tool) => KNOWN.has(tool.name) || tool.name === 'web_search');
}

/** Kimi asks its caller to search once per question; the simulator plays that. */
function searchPending({ body, messages, tools }: SimulatedCall): boolean {
  const list: unknown = body['tools'];
  const builtin = Array.isArray(list) && JSON.stringify(list).includes('"builtin_function"');
  if (!builtin && !tools.some((tool) => tool.name === 'web_search')) return false;
  return !messages.some((message) => message.role === 'tool');
}
