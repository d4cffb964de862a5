import { unreachable } from './unreachable.ts';
import { parseDuration } from './duration.ts';

/** Comparison of a threshold. */
export type Operator = '<' | '<=' | '>' | '>=' | '==';

/** `[tool.]metric op value [@confidence c]`, read. Durations and percentages are plain numbers (ms, fractions). */
export interface Threshold {
  text: string;
  tool?: string;
  metric: string;
  /** Set for `latency.percentile` metrics: 0.95 for `p95`. */
  percentile?: number;
  /** Set for `goodput{…}`: the limit that a good call keeps. */
  goodput?: { latency: 'service' | 'response'; limitMs: number };
  operator: Operator;
  value: number;
  /** How sure a percentile must be. @defaultValue 0.95 */
  confidence: number;
}

const LATENCIES = 'service|response|first_event|first_token|queued';
const COUNTS =
  'calls|ok|failed|lost|timeouts|rejected|stopped|dropped|unexpected|duplicate|late|unsolicited|success\\.rate|rate|fairness\\.jain|audit\\.leaks|audit\\.violations|audit\\.over_capacity|recovery\\.time|recovery\\.repaired|interference\\.max_effect|interference\\.p|permits|time_to_first_call';
const SHAPE = new RegExp(
  `^(?:(?<goodputTool>[\\w-]+)\\.)?goodput\\{(?<goodputLatency>service|response)\\s*<\\s*(?<goodputLimit>[\\d.]+(?:ms|s|m|h))\\}` +
    `|^(?:(?<tool>(?!(?:${LATENCIES}|${COUNTS})(?:\\b|\\.))[\\w-]+)\\.)?(?:(?<latency>${LATENCIES})\\.(?<stat>p\\d{1,2}(?:\\.\\d+)?|mean|max)|(?<count>${COUNTS}))`,
);
const REST = /^\s*(<=|>=|==|<|>)\s*([\d.]+)(%|ms|s|m|h)?\s*(?:@(?:confidence|alpha)\s+([\d.]+))?$/;

/**
 * Reads a threshold, such as `chat.response.p95 < 2s`, `success.rate >= 99%` or `goodput{response<30s} >= 0.9`.
 *
 * @throws RangeError naming what was expected.
 */
export function parseThreshold(text: string): Threshold {
  const head = SHAPE.exec(text.trim());
  const rest = REST.exec(text.trim().slice(head?.[0].length ?? 0));
  if (!head?.groups || !rest) {
    throw new RangeError(
      `a threshold must read [tool.]metric operator value, such as chat.response.p95 < 2s or failed == 0, got ${text}`,
    );
  }
  const { goodputTool, goodputLatency, goodputLimit, tool, latency, stat, count } = head.groups;
  const named = goodputTool ?? tool;
  const percentile = stat?.startsWith('p') ? Number(stat.slice(1)) / 100 : undefined;
  return {
    text: text.trim(),
    ...(named !== undefined && { tool: named }),
    metric: goodputLatency !== undefined ? 'goodput' : (count ?? `${latency}.${stat}`),
    ...(percentile !== undefined && { percentile }),
    ...(goodputLimit !== undefined && {
      goodput: { latency: goodputLatency === 'service' ? 'service' : 'response', limitMs: parseDuration(goodputLimit) },
    }),
    operator: toOperator(rest[1]),
    value: toNumber(rest[2] ?? '', rest[3]),
    confidence: rest[4] === undefined ? 0.95 : Number(rest[4]),
  };
}

function toOperator(text: string | undefined): Operator {
  return text === '<' || text === '<=' || text === '>' || text === '>=' ? text : '==';
}

function toNumber(digits: string, unit: string | undefined): number {
  if (unit === undefined) return Number(digits);
  return unit === '%' ? Number(digits) / 100 : parseDuration(`${digits}${unit}`);
}

/** True when `value operator limit` holds. */
export function holds(value: number, operator: Operator, limit: number): boolean {
  switch (operator) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
    case '==':
      return value === limit;
  }
  return unreachable(operator);
}
