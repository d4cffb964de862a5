const STAMP =
  /(\d{4})[-/年](\d{1,2})[-/月](\d{1,2})日?[T\s]*(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?/i;
/** GLM states local time without a zone; its servers run on China Standard Time. */
const CHINA_OFFSET_MS = 8 * 3_600_000;
const MINUTE_MS = 60_000;

/** Epoch milliseconds at which a used-up window opens again, from the message of a 1308-like error, English or Chinese. */
export function readResetAt(message: string, now: number): number | undefined {
  const found = STAMP.exec(message);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second = '0', zone] = found;
  const local = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const resetAt = local - offsetOf(zone);
  return resetAt > now ? resetAt : undefined;
}

function offsetOf(zone: string | undefined): number {
  if (zone === undefined) return CHINA_OFFSET_MS;
  const parts = /([+-])(\d{2}):?(\d{2})/.exec(zone);
  if (parts === null) return 0;
  const ms = (Number(parts[2]) * 60 + Number(parts[3])) * MINUTE_MS;
  return parts[1] === '-' ? -ms : ms;
}
