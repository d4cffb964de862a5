import { LoadTestError } from './load-test-error.ts';
import type { Limits, MixEntry, Scenario } from './scenario.ts';

const SECOND = 1000;

/** Development defaults of the server: the provider limits add up to the global one, so it never binds alone. */
const DEFAULT_LIMITS: Limits = { global: 5, session: 2, providers: { glm: 2, kimi: 3 } };
/** Providers with room to spare: here the global limit binds. */
const GLOBAL_LIMITS: Limits = { global: 5, session: 2, providers: { glm: 4, kimi: 4 } };

/** Shares in the ratio of the default provider limits, so that both providers are full at the same load. */
const PROVIDERS = { glm: 40, kimi: 60 } as const;

/** The server's own defaults: a chat may take ten minutes, a workflow an hour. */
const CHAT_DEADLINE_MS = 600 * SECOND;
const WORKFLOW_DEADLINE_MS = 3600 * SECOND;

const entry = (tool: string, weight: number, minSeconds: number, maxSeconds: number): MixEntry => ({
  tool,
  weight,
  deadlineMs: tool === 'chat' ? CHAT_DEADLINE_MS : WORKFLOW_DEADLINE_MS,
  service: { dist: 'uniform', minMs: minSeconds * SECOND, maxMs: maxSeconds * SECOND },
  providers: PROVIDERS,
});

/** What agents call, how often, and for how long. */
export const TOOL_MIX: readonly MixEntry[] = [
  entry('chat', 40, 10, 30),
  entry('debug', 20, 5, 15),
  entry('thinkdeep', 15, 30, 120),
  entry('analyze', 15, 20, 60),
  entry('codereview', 10, 15, 45),
];

const ALL_ANSWERED = ['ok > 0', 'failed == 0', 'lost == 0', 'duplicate == 0'];
/** Above capacity a typed refusal is right; a lost call or an unfair share is not. */
const ENDS_WELL = ['ok > 0', 'unexpected == 0', 'lost == 0', 'duplicate == 0', 'fairness.jain >= 0.9'];

const closed = (name: string, sessions: number, seconds: number, description: string): Scenario => ({
  name,
  description,
  durationMs: seconds * SECOND,
  load: { kind: 'closed', sessions },
  mix: [...TOOL_MIX],
  limits: DEFAULT_LIMITS,
  thresholds: sessions > 5 ? ENDS_WELL : ALL_ANSWERED,
});

const CORE: readonly Scenario[] = [
  closed('baseline', 5, 180, 'as many sessions as the global limit'),
  closed('stress', 10, 300, 'twice the global limit'),
  closed('extreme', 15, 600, 'three times the global limit'),
  {
    ...closed('timeout', 5, 180, 'a quarter of the calls get half the time they need, and must end as time-outs'),
    forcedTimeouts: 0.25,
    thresholds: ['ok > 0', 'timeouts > 0', 'unexpected == 0', 'lost == 0', 'duplicate == 0'],
  },
  {
    ...closed('recovery', 10, 300, 'leaks permits at a fifth and at half of the run; the server must win them back'),
    faults: [
      { at: 0.2, kind: 'leak', provider: 'kimi', count: 1 },
      { at: 0.5, kind: 'leak', provider: 'glm', count: 1 },
    ],
    thresholds: [...ENDS_WELL, 'recovery.repaired >= 2', 'audit.leaks == 0', 'audit.over_capacity == 0'],
  },
];

const VARIANTS: readonly Scenario[] = CORE.map((scenario) => ({
  ...scenario,
  name: `${scenario.name}-global`,
  description: `${scenario.description ?? ''} (for a server with GLM 4, Kimi 4, global 5: the global limit binds)`,
  limits: GLOBAL_LIMITS,
}));

const FURTHER: readonly Scenario[] = [
  {
    name: 'realistic',
    description: 'agents arrive at random, make eight calls each with pauses between, and leave',
    durationMs: 300 * SECOND,
    load: { kind: 'sessions', rate: 0.012, calls: 8, think: { dist: 'exponential', meanMs: 5 * SECOND } },
    mix: [...TOOL_MIX],
    limits: DEFAULT_LIMITS,
    thresholds: ['ok > 0', 'unexpected == 0', 'lost == 0'],
  },
  {
    ...closed('churn', 5, 180, 'every session opens a new connection for each call'),
    client: { callsPerConnection: 1 },
  },
  {
    ...closed('slow-reader', 5, 180, 'clients that pause before each read; a slow reader must hold no permit'),
    client: { readDelayMs: 2 * SECOND },
    thresholds: ['ok > 0', 'failed == 0', 'lost == 0'],
  },
  {
    name: 'burst',
    description: 'an open load at half of capacity, with a burst to twice the capacity in the middle',
    durationMs: 180 * SECOND,
    load: {
      kind: 'open',
      sessions: 10,
      arrivals: { kind: 'poisson' },
      stages: [
        { durationMs: 60 * SECOND, rate: 0.08 },
        { durationMs: 30 * SECOND, rate: 0.33 },
        { durationMs: 90 * SECOND, rate: 0.08 },
      ],
    },
    mix: [...TOOL_MIX],
    limits: DEFAULT_LIMITS,
    thresholds: ['ok > 0', 'unexpected == 0', 'lost == 0', 'dropped == 0'],
  },
  {
    ...closed('soak', 5, 3600, 'the baseline for an hour, with a warm-up'),
    warmupMs: 60 * SECOND,
  },
];

/** Every scenario that ships with the load tester; `interference` is an experiment of its own, see the CLI. */
export const BUILT_IN_SCENARIOS: readonly Scenario[] = [...CORE, ...VARIANTS, ...FURTHER];

/** Finds a built-in scenario. @throws LoadTestError INVALID_SCENARIO naming those that exist. */
export function builtInScenario(name: string): Scenario {
  const found = BUILT_IN_SCENARIOS.find((scenario) => scenario.name === name);
  if (found) return found;
  const known = BUILT_IN_SCENARIOS.map((scenario) => scenario.name).join(', ');
  throw new LoadTestError('INVALID_SCENARIO', `no scenario is named ${name}; built in are ${known}`);
}
