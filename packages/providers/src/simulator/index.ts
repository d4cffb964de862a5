export { KIMI_TIERS } from './account-limits.ts';
export type { AccountLimits } from './account-limits.ts';
export { Faults, NO_FAULTS } from './faults.ts';
export type { FaultRates } from './faults.ts';
export type { Latency, LatencyProfile } from './latency.ts';
export { createPersona } from './persona/create-persona.ts';
export type { PersonaOptions } from './persona/create-persona.ts';
export type { Mood } from './persona/mood.ts';
export type {
  Persona,
  PersonaReply,
  SimulatedCall,
  SimulatedMessage,
  SimulatedProvider,
  SimulatedTool,
} from './persona-reply.ts';
export { WIRE_SHAPES, wireShape } from './script.ts';
export type { Scripted, ShapeName } from './script.ts';
export { SHAPE_USAGE } from './shape-writer.ts';
export { SimulatorLog } from './simulator-log.ts';
export type { CallRecord, Concurrency, LogSummary } from './simulator-log.ts';
export { createSimulator } from './simulator.ts';
export type { Simulator, SimulatorOptions } from './simulator.ts';
export type { Transcript, TranscriptPart } from './transcript.ts';
