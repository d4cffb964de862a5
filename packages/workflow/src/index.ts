export { createEngine } from './engine.ts';
export { defineWorkflow } from './define-workflow.ts';
export { evidenceTool } from './evidence-tool.ts';
export { memoryStore } from './memory-store.ts';
export { builtInWorkflows } from './tools/index.ts';
export { WorkflowError } from './workflow-error.ts';
export { Claim, CONFIDENCE, confidenceRank, isSure } from './claim.ts';
export { DEFAULT_TERMINATION } from './termination-policy.ts';

export type { Engine, EngineOptions, StartOptions } from './engine.ts';
export type {
  BoundWorkflow,
  GuideContext,
  PanelMember,
  Requirement,
  Workflow,
  WorkflowSpec,
} from './define-workflow.ts';
export type { EvidenceItem, EvidenceTool, EvidenceToolSpec, ToolContext, ToolOutput } from './evidence-tool.ts';
export type { Run } from './run.ts';
export type { RunEvent, ModelDelta, ModelProgress } from './run-events.ts';
export type { Coverage, EvidenceGrade, HumanRequest, RunResult, RunUsage, StopReason } from './stop-reason.ts';
export type { Confidence } from './claim.ts';
export type { JournalHeader, JournalRecord, RunBudget, Grant } from './journal.ts';
export type {
  Model,
  ModelAsk,
  ModelCallOptions,
  ModelEvent,
  ModelRequest,
  ModelResult,
  ModelRole,
  ModelStream,
  ModelUsage,
} from './model.ts';
export type { WorkflowStore } from './store.ts';
export type { TerminationPolicy } from './termination-policy.ts';
export type { WorkflowErrorCode } from './workflow-error.ts';
