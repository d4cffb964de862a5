export { createEngine } from './engine.ts';
export { decide } from './decide.ts';
export { defineWorkflow } from './define-workflow.ts';
export { evidenceTool } from './evidence-tool.ts';
export { lockFolder, type FileLock } from './file-lock.ts';
export { fileStore } from './file-store.ts';
export { memoryStore } from './memory-store.ts';
export { builtInWorkflows, PROFILE_TOOLS, TOOL_NAMES, toolSchemas } from './tools/index.ts';
export { chatInput, workflowInput } from './request.ts';
export { WorkflowError } from './workflow-error.ts';
export { Claim, CONFIDENCE, confidenceRank, isSure } from './claim.ts';
export { Calibration } from './calibration.ts';
export { DEFAULT_TERMINATION } from './termination-policy.ts';

export type { Engine } from './engine.ts';
export type {
  EngineOptions,
  ForkOptions,
  PrepareOptions,
  PrunePolicy,
  ResumeOptions,
  RunFilter,
  StartOptions,
} from './engine-options.ts';
export type { Calibrated, CalibrationAsk, Outcome } from './calibration.ts';
export type { Decision, Plan } from './decide.ts';
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
export type { RunInfo, RunStatus, RunSummary } from './run-info.ts';
export type { Replay, ReplayedDecision } from './replay.ts';
export type { StepInstruction } from './step-instruction.ts';
export type {
  Coverage,
  EvidenceGrade,
  HumanRequest,
  NoProgressDetector,
  RunResult,
  RunUsage,
  SerializedError,
  StopReason,
} from './stop-reason.ts';
export type { Confidence } from './claim.ts';
export type { DecisionAction, Grant, JournalHeader, JournalRecord, RunBudget, Signal } from './journal.ts';
export type {
  ContentPart,
  FunctionTool,
  Message,
  Model,
  ModelAsk,
  ModelCallOptions,
  ModelEvent,
  ModelRequest,
  ModelResult,
  ModelRole,
  ModelSource,
  ModelStream,
  ModelUsage,
  ToolCall,
} from './model.ts';
export type { JournalSummary, Lease, PruneFilter, StoredRecord, StoreFilter, WorkflowStore } from './store.ts';
export type { LadderRung, TerminationPolicy } from './termination-policy.ts';
export type { WorkflowErrorCode } from './workflow-error.ts';
export type { JsonSchema, Profile, ToolName, ToolSchemas } from './tools/index.ts';
