import { unreachable } from './unreachable.ts';
import type { Distribution } from './distribution.ts';
import { scaled } from './distribution.ts';
import { LoadTestError } from './load-test-error.ts';
import { findFaults } from './json-schema.ts';
import { SCENARIO_SCHEMA } from './scenario-schema.ts';
import { parseThreshold } from './threshold-expression.ts';

/** One kind of call of a mix. */
export interface MixEntry {
  /** Tool name as the server knows it. */
  tool: string;
  /** Share of all calls, in the unit of the other weights: they sum to 100. */
  weight: number;
  /** Service time asked of a simulated provider; leave out to let the server work for real. */
  service?: Distribution;
  /** Longest time the server may take, in milliseconds. */
  deadlineMs?: number;
  /** Share of this entry's calls per provider, in the unit of the other shares: they sum to 100. */
  providers?: Readonly<Record<string, number>>;
  /** Further arguments of every call. */
  arguments?: Readonly<Record<string, unknown>>;
}

/** A piece of an open schedule: the rate goes from `rate` to `toRate` in a straight line. */
export interface Stage {
  durationMs: number;
  /** Calls per second at the start. */
  rate: number;
  /** Calls per second at the end; the same as `rate` when left out. */
  toRate?: number;
}

/** Gaps between arrivals; gamma with a shape below 1 is burstier than Poisson, above 1 more even. */
export type Arrivals = { kind: 'constant' } | { kind: 'poisson' } | { kind: 'gamma'; shape: number };

/** Who decides when the next call is due: the answers (closed), the clock (open, sessions) or a record (trace). */
export type Load =
  | { kind: 'closed'; sessions: number; inflightPerSession?: number; think?: Distribution; rampMs?: number }
  | {
      kind: 'open';
      sessions: number;
      /** Calls per second; `stages` replaces it. */
      rate?: number;
      stages?: Stage[];
      arrivals?: Arrivals;
      /** Calls in flight at most; what is due beyond it waits here (`queue`) or is dropped and counted. */
      maxInflight?: number;
      onFull?: 'queue' | 'drop';
      /** What waited is sent at once when places come free, or at most 1.2 times as fast as planned. @defaultValue 'burst' */
      catchUp?: 'burst' | 'paced';
    }
  | { kind: 'sessions'; rate: number; calls: number; think?: Distribution; arrivals?: Arrivals }
  | { kind: 'trace'; sessions: number; calls: { atMs: number; entry: number; serviceMs?: number }[] };

/** How the clients behave, beyond calling. */
export interface ClientBehaviour {
  /** Pause before each read, in milliseconds: a slow reader. */
  readDelayMs?: number;
  /** Share of calls (0 to 1) cancelled `afterMs` after they were sent. */
  abandon?: { share: number; afterMs: number };
  /** Opens a new connection after so many calls of a session: churn. */
  callsPerConnection?: number;
  /** How much longer than a call's deadline the client waits for the answer, in milliseconds. @defaultValue 1_000 */
  answerGraceMs?: number;
  /** Connects again after an unexpected close. @defaultValue true */
  reconnect?: boolean;
}

/** What is broken on purpose, and when. Needs a target that accepts faults. */
export interface Fault {
  /** Share of the measured time at which it happens, 0 to 1. */
  at: number;
  kind: 'leak' | 'double_release' | 'hang' | 'error' | 'slow' | 'drop_connection';
  /** Limit's key, or tool's provider. */
  provider?: string;
  /** How many permits or connections. @defaultValue 1 */
  count?: number;
  /** Share of the calls that `hang` and `error` meet, 0 to 1. @defaultValue 1 */
  share?: number;
  /** Share of the measured time at which `hang`, `error` and `slow` end. @defaultValue 1: with the load */
  until?: number;
}

/** Limits that the target is expected to have: `explain` and the audit reason with them. */
export interface Limits {
  global: number;
  session: number;
  providers: Readonly<Record<string, number>>;
}

/** Everything a run needs to know, except where the target is. Durations are milliseconds. */
export interface Scenario {
  name: string;
  description?: string;
  /** Measured time; the warm-up comes on top. */
  durationMs: number;
  /** @defaultValue 0 */
  warmupMs?: number;
  /** Longest wait for calls in flight at the end. @defaultValue the longest deadline plus 2 s, at most 5 minutes */
  drainMs?: number;
  load: Load;
  mix: MixEntry[];
  /** `deck`: exact proportions in every 100 calls, shuffled. `iid`: independent draws. @defaultValue 'deck' */
  mixMode?: 'deck' | 'iid';
  /** Share of calls whose deadline is half their service time. @defaultValue 0 */
  forcedTimeouts?: number;
  client?: ClientBehaviour;
  limits?: Limits;
  faults?: Fault[];
  thresholds?: string[];
  /** Calls at most, warm-up included. @defaultValue 1_000_000 */
  maxCalls?: number;
}

/** Deadline of a call whose mix entry names none. Source: the server's default for `chat`. */
export const DEFAULT_DEADLINE_MS = 600_000;
const LONGEST_DRAIN_MS = 300_000;
/** The most rows a run keeps in memory. */
export const MAX_CALLS = 1_000_000;

/** Checks a scenario and returns it. @throws LoadTestError INVALID_SCENARIO with the field, the rule and the value. */
export function defineScenario(scenario: Scenario): Scenario {
  return parseScenario(scenario);
}

/** Checks unknown input, such as a file. @throws LoadTestError INVALID_SCENARIO */
export function parseScenario(input: unknown): Scenario {
  const faults = findFaults(SCENARIO_SCHEMA, input);
  if (faults.length > 0) throw invalid(faults);
  // The schema has just proven the shape.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const scenario = input as Scenario;
  const broken = [...sumFaults(scenario), ...loadFaults(scenario), ...thresholdFaults(scenario)];
  if (broken.length > 0) throw invalid(broken);
  return scenario;
}

function invalid(faults: readonly string[]): LoadTestError {
  return new LoadTestError('INVALID_SCENARIO', faults.join('; '));
}

function sumFaults({ mix }: Scenario): string[] {
  const faults: string[] = [];
  const total = mix.reduce((sum, entry) => sum + entry.weight, 0);
  if (Math.abs(total - 100) > 1e-9) faults.push(`mix: the weights must sum to 100, got ${total}`);
  for (const [index, entry] of mix.entries()) {
    const shares = Object.values(entry.providers ?? { any: 100 });
    const sum = shares.reduce((all, share) => all + share, 0);
    if (Math.abs(sum - 100) > 1e-9) faults.push(`mix[${index}].providers: the shares must sum to 100, got ${sum}`);
    const { service } = entry;
    if (service?.dist === 'uniform' && service.maxMs < service.minMs) {
      faults.push(`mix[${index}].service.maxMs: must be at least minMs (${service.minMs}), got ${service.maxMs}`);
    }
  }
  return faults;
}

function loadFaults({ load, mix, forcedTimeouts = 0 }: Scenario): string[] {
  const faults: string[] = [];
  if (load.kind === 'open' && (load.rate === undefined) === (load.stages === undefined)) {
    faults.push('load: an open load needs either rate or stages, and not both');
  }
  if (load.kind === 'trace') {
    for (const [index, call] of load.calls.entries()) {
      if (call.entry < mix.length) continue;
      faults.push(`load.calls[${index}].entry: must be a place in the mix (0 to ${mix.length - 1}), got ${call.entry}`);
    }
  }
  if (forcedTimeouts > 0 && mix.some((entry) => entry.service === undefined)) {
    faults.push(`forcedTimeouts: needs a service time in every mix entry, got ${forcedTimeouts}`);
  }
  return faults;
}

function thresholdFaults({ thresholds = [], mix }: Scenario): string[] {
  const tools = new Set(mix.map((entry) => entry.tool));
  return thresholds.flatMap((text, index) => {
    try {
      const { tool } = parseThreshold(text);
      if (tool === undefined || tools.has(tool)) return [];
      return [`thresholds[${index}]: ${tool} must be a tool of the mix (${[...tools].join(', ')}), got ${text}`];
    } catch (error) {
      return [`thresholds[${index}]: ${error instanceof Error ? error.message : String(error)}`];
    }
  });
}

/**
 * Runs simulated time faster: multiplies service, think and time-out values and the gaps of an open load by `factor`,
 * and never the length of the run.
 */
export function scaleScenario(scenario: Scenario, factor: number): Scenario {
  if (!(factor > 0)) throw new LoadTestError('INVALID_OPTION', `the time scale must be above 0, got ${factor}`);
  if (factor === 1) return scenario;
  return {
    ...scenario,
    load: scaleLoad(scenario.load, factor),
    mix: scenario.mix.map((entry) => ({
      ...entry,
      deadlineMs: (entry.deadlineMs ?? DEFAULT_DEADLINE_MS) * factor,
      ...(entry.service && { service: scaled(entry.service, factor) }),
    })),
    ...(scenario.client && { client: scaleClient(scenario.client, factor) }),
  };
}

function scaleLoad(load: Load, factor: number): Load {
  switch (load.kind) {
    case 'closed':
      return load.think ? { ...load, think: scaled(load.think, factor) } : load;
    case 'open':
      return {
        ...load,
        ...(load.rate !== undefined && { rate: load.rate / factor }),
        ...(load.stages && { stages: load.stages.map((stage) => scaleStage(stage, factor)) }),
      };
    case 'sessions':
      return { ...load, rate: load.rate / factor, ...(load.think && { think: scaled(load.think, factor) }) };
    case 'trace':
      return { ...load, calls: load.calls.map((call) => scaleTraced(call, factor)) };
  }
  return unreachable(load);
}

function scaleStage(stage: Stage, factor: number): Stage {
  return {
    ...stage,
    rate: stage.rate / factor,
    ...(stage.toRate !== undefined && { toRate: stage.toRate / factor }),
  };
}

function scaleTraced<C extends { atMs: number; serviceMs?: number }>(call: C, factor: number): C {
  return {
    ...call,
    atMs: call.atMs * factor,
    ...(call.serviceMs !== undefined && { serviceMs: call.serviceMs * factor }),
  };
}

function scaleClient(client: ClientBehaviour, factor: number): ClientBehaviour {
  return {
    ...client,
    ...(client.readDelayMs !== undefined && { readDelayMs: client.readDelayMs * factor }),
    ...(client.abandon && { abandon: { ...client.abandon, afterMs: client.abandon.afterMs * factor } }),
  };
}

/** Longest wait for calls in flight at the end of the run, in milliseconds. */
export function drainOf(scenario: Scenario): number {
  if (scenario.drainMs !== undefined) return scenario.drainMs;
  const longest = Math.max(...scenario.mix.map((entry) => entry.deadlineMs ?? DEFAULT_DEADLINE_MS));
  return Math.min(LONGEST_DRAIN_MS, longest + 2000);
}

/** Connections that the load opens at its start; a `sessions` load opens them as they arrive. */
export function sessionsOf(load: Load): number {
  return load.kind === 'sessions' ? 0 : load.sessions;
}

/** The same scenario over another length; the stages of an open load keep their shares of it. */
export function withDuration(scenario: Scenario, durationMs: number): Scenario {
  if (!(durationMs > 0)) throw new LoadTestError('INVALID_OPTION', `the duration must be above 0, got ${durationMs}`);
  const { load } = scenario;
  const factor = durationMs / scenario.durationMs;
  if (load.kind !== 'open' || !load.stages) return { ...scenario, durationMs };
  const stages = load.stages.map((stage) => ({ ...stage, durationMs: stage.durationMs * factor }));
  return { ...scenario, durationMs, load: { ...load, stages } };
}

/** The same scenario for a target that works for real: no service time is asked for, so no time-out can be forced. */
export function withoutServiceTimes(scenario: Scenario): Scenario {
  const { forcedTimeouts: _forced, ...rest } = scenario;
  return { ...rest, mix: scenario.mix.map(({ service: _service, ...entry }) => entry) };
}
