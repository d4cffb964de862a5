import { delimiter } from 'node:path';

import { checkCombinations } from './check-combinations.ts';
import { ConfigError } from './config-error.ts';
import { ServerConfig, type ServerConfigInput } from './server-config.ts';
import { type Variable, VARIABLES, variableOf } from './variables.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration from environment variables. Values in `overrides` win over variables, variables over defaults.
 * An empty variable counts as not set.
 *
 * @throws ConfigError naming the variable, the rule and the value.
 */
export function loadConfig(env: Environment, overrides: ServerConfigInput = {}): ServerConfig {
  const given: Record<string, unknown> = {};
  const raw = new Map<string, { variable: Variable; text: string }>();
  for (const variable of VARIABLES) {
    const text = env[variable.name]?.trim();
    if (text === undefined || text === '' || raw.has(variable.path)) continue;
    raw.set(variable.path, { variable, text });
    assign(given, variable.path, READERS[variable.read](text));
  }
  return parseConfig({ ...given, ...overrides }, (path) => raw.get(path));
}

/**
 * Completes and checks a configuration given in code.
 *
 * @throws ConfigError naming the option (by its variable where it has one), the rule and the value.
 */
export function parseConfig(
  input: unknown,
  origin: (path: string) => { variable: Variable; text: string } | undefined = () => undefined,
): ServerConfig {
  const parsed = ServerConfig.safeParse(input);
  if (!parsed.success) throw toConfigError(parsed.error.issues[0], input, origin);
  checkCombinations(parsed.data);
  return parsed.data;
}

/** Variables that look like this server's and are not: mistyped, or of another program. */
export function unknownVariables(env: Environment): string[] {
  const known = new Set(VARIABLES.map((variable) => variable.name));
  return Object.keys(env).filter((name) => name.startsWith('EXAI_WS_') && !known.has(name));
}

const READERS: Readonly<Record<Variable['read'], (text: string) => unknown>> = {
  text: (text) => text,
  number: toNumber,
  seconds: (text) => toNumber(text) * 1000,
  list: (text) => split(text, ','),
  paths: (text) => split(text, delimiter),
  flag: (text) => (text === '1' || text === '0' ? text === '1' : text),
};

/** Stricter than `Number`: no hexadecimal, no blanks, no `1e400`. What is no number becomes NaN, which every rule refuses. */
function toNumber(text: string): number {
  return /^[+-]?\d+(\.\d+)?(e[+-]?\d{1,2})?$/i.test(text) ? Number(text) : Number.NaN;
}

function split(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function assign(target: Record<string, unknown>, path: string, value: unknown): void {
  const [group = '', part] = path.split('.');
  if (part === undefined) {
    target[group] = value;
    return;
  }
  const inner = target[group];
  target[group] = { ...(typeof inner === 'object' ? inner : {}), [part]: value };
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function toConfigError(
  issue: Issue | undefined,
  input: unknown,
  origin: (path: string) => { variable: Variable; text: string } | undefined,
): ConfigError {
  const keys = (issue?.path ?? []).map(String);
  const path = keys.slice(0, keys[0]?.endsWith('Timeouts') === true ? 2 : 1).join('.');
  const from = origin(path) ?? origin(keys[0] ?? '');
  const variable = from?.variable ?? variableOf(path);
  const value = variable?.secret === true ? '(hidden)' : (from?.text ?? shown(keys, input));
  return new ConfigError(
    variable?.name ?? (path === '' ? 'the configuration' : path),
    issue?.message ?? 'is invalid',
    value,
  );
}

function shown(keys: readonly string[], input: unknown): string {
  let value = input;
  for (const key of keys) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
