import type { ChatRequest } from '../chat/chat-model.ts';
import type { Warning } from '../chat/warning.ts';

/** Names both providers take. Source: Moonshot's function name rule; GLM's is wider. */
const VALID = /^[a-zA-Z_][a-zA-Z0-9_-]{2,63}$/;
const SHORTEST = 3;
const LONGEST = 64;

/** Tool names of a request as they are sent. */
export interface ToolNames {
  /** The name to send for one of the caller's. */
  readonly toWire: (name: string) => string;
  /** Sent → the caller's, where they differ. */
  readonly fromWire: ReadonlyMap<string, string>;
  readonly warnings: readonly Warning[];
}

/** Gives every tool of a request, and every tool its history mentions, a name the providers accept, each its own. */
export function toolNames(request: ChatRequest): ToolNames {
  const sent = new Map<string, string>();
  const taken = new Set<string>();
  const warnings: Warning[] = [];
  const assign = (name: string, field: string): void => {
    if (sent.has(name)) return;
    const wireName = unused(validName(name), taken);
    sent.set(name, wireName);
    taken.add(wireName);
    if (wireName === name) return;
    warnings.push({ code: 'TOOL_RENAMED', message: `${field} ${JSON.stringify(name)} is sent as ${wireName}`, field });
  };
  const named = [...(request.tools ?? [])].map(({ name }, i) => [name, `tools[${i}].name`] as const);
  // Valid names first, so that a repaired one never takes the place of one that needs no repair.
  for (const [name, field] of named) if (VALID.test(name)) assign(name, field);
  for (const [name, field] of named) assign(name, field);
  const fromWire = new Map(
    [...sent].filter(([name, wireName]) => name !== wireName).map(([name, wire]) => [wire, name]),
  );
  return { toWire: (name) => sent.get(name) ?? historyName(name), fromWire, warnings };
}

function historyName(name: string): string {
  return name.startsWith('$') ? name : validName(name);
}

function validName(name: string): string {
  if (VALID.test(name)) return name;
  const cleaned = name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, LONGEST - 1);
  const begun = /^[a-zA-Z_]/.test(cleaned) ? cleaned : `_${cleaned}`;
  return begun.padEnd(SHORTEST, '_');
}

function unused(name: string, taken: ReadonlySet<string>): string {
  let candidate = name;
  for (let n = 2; taken.has(candidate); n += 1) candidate = `${name.slice(0, LONGEST - 4)}_${n}`;
  return candidate;
}
