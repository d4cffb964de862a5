import type { ToolCall } from '../chat/message.ts';
import { isRecord, parseJson } from '../json-value.ts';

/** A tool call as it was collected. */
export interface RawCall {
  readonly id: string;
  readonly name: string;
  readonly args: string;
}

/** A readable call, and whether it had to be repaired. */
export interface ReadCall {
  readonly call: ToolCall;
  readonly repaired: boolean;
}

/**
 * Reads the arguments of a finished call. Nothing at all and `null` are `{}`; a string that holds an object is unwrapped
 * once; leaked `<arg_key>` markup becomes an object where it is unambiguous. Everything else is a call with `error`.
 */
export function readCall({ id, name, args }: RawCall): ReadCall {
  if (name.includes('<arg_key>') || args.includes('<arg_key>')) return readLeakedCall({ id, name, args });
  if (args.trim() === '') return { call: { id, name, arguments: {}, raw: args }, repaired: false };
  const parsed = parseJson(args);
  if (isRecord(parsed)) return { call: { id, name, arguments: parsed, raw: args }, repaired: false };
  if (parsed === null) return { call: { id, name, arguments: {}, raw: args }, repaired: false };
  const inner = typeof parsed === 'string' ? parseJson(parsed) : undefined;
  if (isRecord(inner)) return { call: { id, name, arguments: inner, raw: args }, repaired: true };
  const error = parsed === undefined ? 'the arguments are not valid JSON' : 'the arguments are not a JSON object';
  return { call: { id, name, arguments: {}, raw: args, error }, repaired: false };
}

const NAME = /^\s*([\w.$-]+)/;
const PAIR = /<arg_key>([\s\S]*?)<\/arg_key>\s*<arg_value>([\s\S]*?)<\/arg_value>/g;

function readLeakedCall({ id, name, args }: RawCall): ReadCall {
  const raw = `${name}${args}`;
  const cleanName = NAME.exec(name)?.[1] ?? name;
  const markup = raw.slice(raw.indexOf('<arg_key>'));
  const found: Record<string, unknown> = {};
  for (const [, key = '', value = ''] of markup.matchAll(PAIR)) found[key.trim()] = parseJson(value) ?? value;
  const rest = markup.replaceAll(PAIR, '').replaceAll(/<\/?tool_call>/g, '');
  if (rest.trim() === '' && Object.keys(found).length > 0) {
    return { call: { id, name: cleanName, arguments: found, raw }, repaired: true };
  }
  const error = 'the arguments contain markup that cannot be read';
  return { call: { id, name: cleanName, arguments: {}, raw, error }, repaired: false };
}
