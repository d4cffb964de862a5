import type { JsonSchema } from './json-schema.ts';

const positive: JsonSchema = { type: 'number', exclusiveMinimum: 0 };
const notNegative: JsonSchema = { type: 'number', minimum: 0 };
const count: JsonSchema = { type: 'integer', minimum: 1 };
const text: JsonSchema = { type: 'string', minLength: 1 };

const closedObject = (properties: Record<string, JsonSchema>, required: string[]): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const tagged = (key: string, tag: string, properties: Record<string, JsonSchema>, required: string[]): JsonSchema =>
  closedObject({ [key]: { const: tag }, ...properties }, [key, ...required]);

const distribution: JsonSchema = {
  oneOf: [
    tagged('dist', 'constant', { ms: notNegative }, ['ms']),
    tagged('dist', 'uniform', { minMs: notNegative, maxMs: notNegative }, ['minMs', 'maxMs']),
    tagged('dist', 'exponential', { meanMs: positive }, ['meanMs']),
    tagged('dist', 'lognormal', { meanMs: positive, sigma: notNegative }, ['meanMs', 'sigma']),
    tagged('dist', 'choice', { valuesMs: { type: 'array', items: notNegative, minItems: 1 } }, ['valuesMs']),
  ],
};

const arrivals: JsonSchema = {
  oneOf: [
    tagged('kind', 'constant', {}, []),
    tagged('kind', 'poisson', {}, []),
    tagged('kind', 'gamma', { shape: positive }, ['shape']),
  ],
};

const stage = closedObject({ durationMs: positive, rate: notNegative, toRate: notNegative }, ['durationMs', 'rate']);
const tracedCall = closedObject({ atMs: notNegative, entry: { type: 'integer', minimum: 0 }, serviceMs: notNegative }, [
  'atMs',
  'entry',
]);

const load: JsonSchema = {
  oneOf: [
    tagged('kind', 'closed', { sessions: count, inflightPerSession: count, think: distribution, rampMs: notNegative }, [
      'sessions',
    ]),
    tagged(
      'kind',
      'open',
      {
        sessions: count,
        rate: positive,
        stages: { type: 'array', items: stage, minItems: 1 },
        arrivals,
        maxInflight: count,
        onFull: { type: 'string', enum: ['queue', 'drop'] },
        catchUp: { type: 'string', enum: ['burst', 'paced'] },
      },
      ['sessions'],
    ),
    tagged('kind', 'sessions', { rate: positive, calls: count, think: distribution, arrivals }, ['rate', 'calls']),
    tagged('kind', 'trace', { sessions: count, calls: { type: 'array', items: tracedCall, minItems: 1 } }, [
      'sessions',
      'calls',
    ]),
  ],
};

const mixEntry = closedObject(
  {
    tool: text,
    weight: positive,
    service: distribution,
    deadlineMs: positive,
    providers: { type: 'object', additionalProperties: notNegative },
    arguments: { type: 'object' },
  },
  ['tool', 'weight'],
);

const client = closedObject(
  {
    readDelayMs: notNegative,
    abandon: closedObject({ share: { type: 'number', minimum: 0, maximum: 1 }, afterMs: notNegative }, [
      'share',
      'afterMs',
    ]),
    callsPerConnection: count,
    answerGraceMs: notNegative,
    reconnect: { type: 'boolean' },
  },
  [],
);

const fault = closedObject(
  {
    at: { type: 'number', minimum: 0, maximum: 1 },
    kind: { type: 'string', enum: ['leak', 'double_release', 'hang', 'error', 'slow', 'drop_connection'] },
    provider: text,
    count,
    share: { type: 'number', minimum: 0, maximum: 1 },
    until: { type: 'number', minimum: 0, maximum: 1 },
  },
  ['at', 'kind'],
);

const limits = closedObject(
  { global: count, session: count, providers: { type: 'object', additionalProperties: count } },
  ['global', 'session', 'providers'],
);

/** What a scenario file may contain. Published as `schema/scenario.schema.json`. */
export const SCENARIO_SCHEMA: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'exai.loadtest.scenario/1',
  title: 'Scenario of exai-loadtest',
  ...closedObject(
    {
      name: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]*$' },
      description: { type: 'string' },
      durationMs: positive,
      warmupMs: notNegative,
      drainMs: notNegative,
      load,
      mix: { type: 'array', items: mixEntry, minItems: 1 },
      mixMode: { type: 'string', enum: ['deck', 'iid'] },
      forcedTimeouts: { type: 'number', minimum: 0, maximum: 1 },
      client,
      limits,
      faults: { type: 'array', items: fault },
      thresholds: { type: 'array', items: text },
      maxCalls: { type: 'integer', minimum: 1, maximum: 1_000_000 },
    },
    ['name', 'durationMs', 'load', 'mix'],
  ),
};
