/** The longest silence tolerated per kind of call, in milliseconds: the ceiling of every learned budget. */
export interface TimeoutTable {
  readonly base: number;
  readonly web: number;
  readonly thinking: number;
  readonly webThinking: number;
}

/** The table for GLM and Kimi when nothing else is configured: 240, 300, 360 and 420 seconds. */
export const TIMEOUT_TABLE: TimeoutTable = {
  base: 240_000,
  web: 300_000,
  thinking: 360_000,
  webThinking: 420_000,
};

const SUFFIXES: Readonly<Record<keyof TimeoutTable, string>> = {
  base: 'TIMEOUT_SECS',
  web: 'WEB_SEARCH_TIMEOUT_SECS',
  thinking: 'THINKING_TIMEOUT_SECS',
  webThinking: 'WEB_THINKING_TIMEOUT_SECS',
};

/** Longest delay a timer of Node or a browser can hold: 2^31 − 1 ms. */
const LONGEST_MS = 2_147_483_647;

/**
 * Reads `<PROVIDER>_TIMEOUT_SECS`, `…_WEB_SEARCH_TIMEOUT_SECS`, `…_THINKING_TIMEOUT_SECS` and `…_WEB_THINKING_TIMEOUT_SECS`
 * (seconds, decimals allowed); what is unset or empty stays as in {@link TIMEOUT_TABLE}.
 *
 * @throws RangeError naming the variable, the rule and the value.
 */
export function timeoutTableFromEnv(env: Readonly<Record<string, string | undefined>>, provider: string): TimeoutTable {
  const read = (entry: keyof TimeoutTable): number =>
    secondsToMs(env, `${provider.toUpperCase()}_${SUFFIXES[entry]}`) ?? TIMEOUT_TABLE[entry];
  return { base: read('base'), web: read('web'), thinking: read('thinking'), webThinking: read('webThinking') };
}

function secondsToMs(env: Readonly<Record<string, string | undefined>>, name: string): number | undefined {
  const text = env[name]?.trim();
  if (text === undefined || text === '') return undefined;
  const ms = /^\d*\.?\d+$/.test(text) ? Number(text) * 1000 : Number.NaN;
  if (!(ms > 0 && ms <= LONGEST_MS)) {
    throw new RangeError(
      `${name} must be a positive number of seconds, at most ${Math.floor(LONGEST_MS / 1000)}, got ${JSON.stringify(text)}`,
    );
  }
  return ms;
}

/** The entry of the table that fits a call. */
export function tableEntry(
  table: TimeoutTable,
  mode: { readonly thinking?: boolean | string; readonly webSearch?: boolean },
): number {
  const thinks = mode.thinking !== undefined && mode.thinking !== false;
  if (thinks) return mode.webSearch === true ? table.webThinking : table.thinking;
  return mode.webSearch === true ? table.web : table.base;
}
