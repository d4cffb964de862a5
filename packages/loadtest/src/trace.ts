import { LoadTestError } from './load-test-error.ts';
import { findFaults, type JsonSchema } from './json-schema.ts';
import { defineScenario, type MixEntry, type Scenario } from './scenario.ts';

const LINE: JsonSchema = {
  type: 'object',
  properties: {
    atMs: { type: 'number', minimum: 0 },
    tool: { type: 'string', minLength: 1 },
    provider: { type: 'string', minLength: 1 },
    serviceMs: { type: 'number', minimum: 0 },
  },
  required: ['atMs', 'tool'],
  additionalProperties: false,
};

interface TracedCall {
  atMs: number;
  tool: string;
  provider?: string;
  serviceMs?: number;
}

/**
 * Makes a scenario from a record of real calls: one JSON object per line with `atMs`, `tool` and, if known, `provider` and
 * `serviceMs`. `speed` 2 replays it twice as fast.
 *
 * @throws LoadTestError INVALID_SCENARIO naming the line
 */
export function scenarioOfTrace(
  text: string,
  options: { name?: string; sessions?: number; speed?: number } = {},
): Scenario {
  const { name = 'replay', sessions = 5, speed = 1 } = options;
  const calls = text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [parseLine(line, index + 1)]));
  if (calls.length === 0)
    throw new LoadTestError('INVALID_SCENARIO', 'the trace must have at least one line, got none');
  const kinds = [...new Set(calls.map(kindOf))];
  const weight = 100 / kinds.length;
  const mix: MixEntry[] = kinds.map((kind) => {
    const [tool = '', provider = ''] = kind.split('\n');
    return { tool, weight, ...(provider !== '' && { providers: { [provider]: 100 } }) };
  });
  const last = Math.max(...calls.map(({ atMs }) => atMs));
  return defineScenario({
    name,
    description: `a trace of ${calls.length} calls at ${speed} × its speed`,
    durationMs: Math.max(1, last / speed) + 1,
    load: {
      kind: 'trace',
      sessions,
      calls: calls.map((call) => ({
        atMs: call.atMs / speed,
        entry: kinds.indexOf(kindOf(call)),
        ...(call.serviceMs !== undefined && { serviceMs: call.serviceMs }),
      })),
    },
    mix,
    thresholds: ['ok > 0', 'lost == 0'],
  });
}

function kindOf({ tool, provider = '' }: TracedCall): string {
  return `${tool}\n${provider}`;
}

function parseLine(line: string, number: number): TracedCall {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    throw new LoadTestError('INVALID_SCENARIO', `line ${number} of the trace must be JSON, got ${line.slice(0, 60)}`, {
      cause: error,
    });
  }
  const faults = findFaults(LINE, parsed);
  if (faults.length > 0)
    throw new LoadTestError('INVALID_SCENARIO', `line ${number} of the trace: ${faults.join('; ')}`);
  // The schema has just proven the shape.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return parsed as TracedCall;
}
