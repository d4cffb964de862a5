import type { JsonSchema } from './json-schema.ts';
import { REPORT_SCHEMA_ID } from './run-result.ts';
import { OUTCOMES } from './outcome.ts';

const number: JsonSchema = { type: 'number' };
const text: JsonSchema = { type: 'string' };
const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
const object = (properties: Record<string, JsonSchema>, optional: readonly string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
});
const counts: JsonSchema = { type: 'object', additionalProperties: number };

const latency = object({
  n: number,
  censored: number,
  method: { type: 'string', enum: ['exact', 'kaplan-meier'] },
  min: number,
  mean: number,
  max: number,
  percentiles: list(
    object({ p: number, value: number, low: number, high: number, floor: number, supported: { type: 'boolean' } }, [
      'value',
      'low',
      'high',
    ]),
  ),
});

const group = object({
  name: text,
  calls: number,
  outcomes: object(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, number]))),
  codes: counts,
  lost: number,
  timeouts: number,
  unexpected: number,
  latency: { type: 'object', additionalProperties: latency },
});

const selfChecks = list(
  object({
    id: text,
    status: { type: 'string', enum: ['ok', 'warn', 'fail'] },
    value: number,
    limit: number,
    unit: text,
    why: text,
  }),
);

/** What a report file contains. Published as `schema/report.schema.json`; fields may be added, never renamed. */
export const REPORT_SCHEMA: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: REPORT_SCHEMA_ID,
  title: 'Report of exai-loadtest',
  ...object(
    {
      schema: { const: REPORT_SCHEMA_ID },
      meta: object(
        {
          tool: text,
          version: text,
          node: text,
          platform: text,
          startedAt: text,
          seed: number,
          timeScale: number,
          target: object({ kind: text }),
          command: text,
          loadAverage: number,
        },
        ['command'],
      ),
      verdict: object({
        exit: number,
        status: {
          type: 'string',
          enum: ['passed', 'failed', 'void', 'undecided', 'unreachable', 'interrupted'],
        },
        reasons: list(text),
      }),
      selfChecks,
      thresholds: list(
        object(
          {
            text,
            status: { type: 'string', enum: ['pass', 'fail', 'undecided'] },
            observed: number,
            n: number,
            why: text,
          },
          ['observed'],
        ),
      ),
      scenario: object({
        name: text,
        durationMs: number,
        load: object({ kind: text }),
        mix: list(object({ tool: text })),
      }),
      load: object({
        kind: text,
        measuredMs: number,
        warmupMs: number,
        drainedMs: number,
        planned: number,
        sent: number,
        okPerSecond: number,
        peakInFlight: number,
        meanInFlight: number,
        sendLagP99Ms: number,
        longestStallMs: number,
      }),
      totals: group,
      byTool: list(group),
      bySession: list(group),
      byProvider: list(group),
      fairness: number,
      wire: object({
        framesSent: number,
        framesReceived: number,
        late: number,
        duplicate: number,
        unsolicited: number,
        malformed: number,
        connectsTried: number,
        connectsOpened: number,
        connectsFailed: number,
        reconnects: number,
        closedByCode: counts,
      }),
      timeline: object({
        windowMs: number,
        windows: list(
          object(
            {
              atMs: number,
              ended: number,
              ok: number,
              inFlight: number,
              serviceP50: number,
              responseP50: number,
              responseP95: number,
            },
            ['serviceP50', 'responseP50', 'responseP95'],
          ),
        ),
      }),
      permits: object({
        url: text,
        scrapes: number,
        failedScrapes: number,
        samples: list(object({ atMs: number, tiers: list(object({ type: text, provider: text })) })),
        violations: list(object({ atMs: number, rule: text, detail: text })),
        leaks: number,
        leaksDetected: number,
        recoveries: object({ success: number, partial: number, failed: number }),
        overCapacity: number,
      }),
      recovery: list(
        object({ kind: text, provider: text, count: number, injectedAtMs: number, failuresDuring: number }),
      ),
      spend: object({ limitUsd: number, usd: number, stopped: { type: 'boolean' } }),
      interference: object({
        pairs: list(
          object({ withMs: number, withoutMs: number, first: { type: 'string', enum: ['with', 'without'] } }),
        ),
        effectMs: number,
        effect: number,
        p: number,
        alpha: number,
        tolerance: number,
        allowedMs: number,
        sharing: { type: 'string', enum: ['provider', 'global'] },
        detectableMs: number,
        verdict: { type: 'string', enum: ['interference', 'within_bound', 'none_found', 'undecided', 'void'] },
        selfChecks,
        victimCalls: number,
        aggressorCalls: number,
        failures: number,
      }),
    },
    ['permits', 'recovery', 'spend', 'interference'],
  ),
};
