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

export type { RunOptions, RunProgress } from './run-options.ts';
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
export { virtual, type VirtualDriver, type VirtualOptions } from './virtual-driver.ts';
export { inProcess, type InProcessContext, type InProcessTarget } from './in-process-driver.ts';
export { fairQueueBoundMs, testInterference } from './interference.ts';
export type { InterferenceOptions, InterferenceResult } from './interference.ts';
export { compare, COMPARED_METRICS, FEWEST_RUNS } from './compare.ts';
export type { ComparedMetric, CompareOptions, Comparison, MetricComparison } from './compare.ts';
export { estimatePermits, fitCapacity, type CapacityEstimate, type CapacityPoint } from './capacity.ts';
export { explain, type Bound, type Explanation } from './explain.ts';
export { searchCapacity, type SearchOptions, type SearchPoint, type SearchResult } from './search.ts';
export { renderHtml } from './html/html-report.ts';
export { renderJunit } from './junit-report.ts';
export { renderMarkdown } from './markdown-report.ts';
export { httpFaults, type HttpFaultsOptions } from './http-faults.ts';
export { http, type HttpOptions } from './http-driver.ts';
export { openaiSse, type OpenAiSseOptions } from './open-ai-sse-driver.ts';
export { mcp, type McpOptions } from './mcp-driver.ts';
export { SCENARIO_SCHEMA } from './scenario-schema.ts';
export { parseReport } from './parse-report.ts';
export { REPORT_SCHEMA } from './report-schema.ts';
export { scenarioOfTrace } from './trace.ts';
export { checkComparison, type AaCheck, type AaCheckOptions } from './aa-check.ts';
export { countPermits, type PermitCount, type PermitCountOptions } from './permit-count.ts';
export { auditDisconnects, type AuditDisconnectsOptions } from './audit-disconnects.ts';
export { calibrateClient, type ClientLimits } from './calibrate-client.ts';
export { estimateSpend } from './estimate-spend.ts';
export type { Spend, SpendLimit } from './spend.ts';
