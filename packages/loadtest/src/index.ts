export { runScenario } from './run-scenario.ts';
export { defineScenario, parseScenario, scaleScenario, withDuration } from './scenario.ts';
export { BUILT_IN_SCENARIOS, builtInScenario, TOOL_MIX } from './built-in-scenarios.ts';
export { ws } from './ws-driver.ts';
export { renderSummary } from './summary-text.ts';
export { renderJson } from './json-report.ts';
export { LoadTestError } from './load-test-error.ts';
export { VirtualClock } from './virtual-clock.ts';
export { systemClock } from './clock.ts';
export { createRandom } from './random.ts';
export { PermitWatch } from './permit-watch.ts';
export { EXIT } from './verdict.ts';

export type { RunOptions, RunProgress } from './run-scenario.ts';
export type { Arrivals, ClientBehaviour, Fault, Limits, Load, MixEntry, Scenario, Stage } from './scenario.ts';
export type { Distribution } from './distribution.ts';
export type { WsOptions } from './ws-driver.ts';
export type { LoadTestErrorCode } from './load-test-error.ts';
export type { Cancel, Clock } from './clock.ts';
export type { Random } from './random.ts';
export type { CallEnd, CallSink, Connection, Driver, PlannedCall, TargetInfo, WireCounters } from './driver.ts';
export type { Outcome, OutcomeCounts } from './outcome.ts';
export type { CallRecord } from './call-records.ts';
export type { PermitWatchOptions } from './permit-watch.ts';
export type { FaultInjector, InjectedFault } from './recovery.ts';
export type { ExtraMetrics } from './threshold.ts';
export type {
  GroupSummary,
  LatencySummary,
  PermitAudit,
  PermitSample,
  RecoveryEvent,
  RunResult,
  SelfCheck,
  ThresholdResult,
  TimelineWindow,
} from './run-result.ts';
export { createStubServer, type StubServer } from './stub-server.ts';
export type { ServedCall, StubOptions } from './stub-shared.ts';
export { STUB_MODES, type StubMode } from './stub-mode.ts';
export { PermitModel, type PermitAsk, type PermitLimits, type Tier } from './permit-model.ts';
