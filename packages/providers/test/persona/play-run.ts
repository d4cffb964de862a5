import { readCall } from '../../src/simulator/read-call.ts';
import type { Persona, PersonaReply, SimulatedCall } from '../../src/simulator/persona-reply.ts';

/** Files by path; tool results have the form that file tools give. */
export type Folder = Readonly<Record<string, string>>;

export interface Turn {
  readonly reply: PersonaReply;
  readonly calls: readonly { readonly name: string; readonly arguments: any }[];
}

interface WireMessage {
  role: string;
  content: string;
  tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

export interface Play {
  readonly persona: Persona;
  readonly system: string;
  readonly task: string;
  readonly folder?: Folder;
  readonly tools?: readonly string[];
  readonly most?: number;
  /** Says something to the model after a report that ends; `undefined` ends the run. */
  readonly onEnd?: (claim: any, times: number) => string | undefined;
}

export const ALL_TOOLS: string[] = ['list_files', 'read_file', 'search_text', 'report_step'];

export function ask(
  messages: WireMessage[],
  tools: readonly string[],
  extra: Record<string, unknown> = {},
): SimulatedCall {
  const body = {
    model: 'glm-4.6',
    messages,
    tools: tools.map((name) => ({ type: 'function', function: { name, description: name, parameters: {} } })),
    ...extra,
  };
  return readCall('glm', body, 1);
}

/** Plays the caller's side: runs the functions over a folder until the persona ends or the turns run out. */
export function playRun(play: Play): { turns: Turn[]; messages: WireMessage[] } {
  const { persona, folder = {}, tools = ALL_TOOLS, most = 20 } = play;
  const messages: WireMessage[] = [
    { role: 'system', content: play.system },
    { role: 'user', content: play.task },
  ];
  const turns: Turn[] = [];
  let ends = 0;
  while (turns.length < most) {
    const reply = persona(ask(messages, tools)) ?? {};
    const calls = (reply.toolCalls ?? []).map((call) => ({ name: call.name, arguments: call.arguments as any }));
    turns.push({ reply, calls });
    messages.push({
      role: 'assistant',
      content: reply.text ?? '',
      tool_calls: calls.map((call, index) => ({
        id: `c${turns.length}-${index}`,
        type: 'function',
        function: { name: call.name, arguments: JSON.stringify(call.arguments) },
      })),
    });
    for (const [index, call] of calls.entries()) {
      messages.push({
        role: 'tool',
        tool_call_id: `c${turns.length}-${index}`,
        content: run(folder, call.name, call.arguments),
      });
    }
    const claim = calls.find((call) => call.name === 'report_step')?.arguments;
    if (claim?.next_step_required === false) {
      ends += 1;
      const remark = play.onEnd?.(claim, ends);
      if (remark === undefined) break;
      messages.push({ role: 'user', content: remark });
    }
  }
  return { turns, messages };
}

export function run(folder: Folder, name: string, given: any): string {
  if (name === 'list_files') {
    return [
      `${Object.keys(folder).length} files`,
      ...Object.entries(folder).map(([path, text]) => `${path} (${text.length} bytes)`),
    ].join('\n');
  }
  if (name === 'read_file') {
    const lines = folder[given.path]?.split('\n');
    if (lines === undefined) return `NOT_FOUND: no such file or folder: ${given.path}`;
    return [
      `${given.path} lines 1-${lines.length} of ${lines.length}`,
      ...lines.map((line, i) => `${i + 1}| ${line}`),
    ].join('\n');
  }
  if (name === 'search_text') {
    const hits = Object.entries(folder).flatMap(([path, text]) =>
      text.split('\n').flatMap((line, i) => (line.includes(given.text) ? [`${path}:${i + 1}: ${line}`] : [])),
    );
    return [`${hits.length} matches for ${JSON.stringify(given.text)}`, ...hits].join('\n');
  }
  return 'noted';
}
