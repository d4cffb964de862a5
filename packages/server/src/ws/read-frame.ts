import { CallError } from '../calls/call-error.ts';
import { CallId, ClientFrame } from '../protocol/index.ts';

/** A frame, or why it is none; with the call id it named, when it named one. */
export type ReadFrame =
  | { readonly frame: ClientFrame }
  | { readonly error: CallError; readonly id: string | undefined };

const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
const MAX_ISSUES = 3;

/** Parses one text message: JSON of bounded depth, without keys that could reach a prototype, and a frame of the protocol. */
export function readFrame(text: string, maxDepth: number): ReadFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return invalid('the message is not JSON');
  }
  const trouble = findTrouble(value, maxDepth);
  if (trouble !== undefined) return invalid(trouble, callIdOf(value));
  const parsed = ClientFrame.safeParse(value);
  if (parsed.success) return { frame: parsed.data };
  const issues = parsed.error.issues
    .slice(0, MAX_ISSUES)
    .map(({ path, message }) => `${path.map(String).join('.') || 'frame'}: ${message}`);
  return invalid(issues.join('; '), callIdOf(value));
}

/** What makes a parsed message unacceptable, or nothing. Walks it without recursion, so that no depth can end the process. */
export function findTrouble(root: unknown, maxDepth: number): string | undefined {
  const stack: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > maxDepth) return `the message is nested deeper than ${maxDepth}`;
    for (const [key, inner] of Object.entries(value)) {
      if (FORBIDDEN_KEYS.has(key) && !Array.isArray(value)) return `the key ${key} is refused`;
      if (typeof inner === 'object' && inner !== null) stack.push({ value: inner, depth: depth + 1 });
    }
  }
  return undefined;
}

function callIdOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const [type, id]: unknown[] = [Reflect.get(value, 'type'), Reflect.get(value, 'id')];
  const parsed = CallId.safeParse(id);
  return type !== 'cancel' && parsed.success ? parsed.data : undefined;
}

function invalid(message: string, id?: string): ReadFrame {
  return { error: new CallError('INVALID_MESSAGE', message), id };
}
