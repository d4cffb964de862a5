export { createMetrics } from './create-metrics.ts';
export { MetricsError } from './metrics-error.ts';
export { BUCKETS, FAMILIES } from './families.ts';

export type { Metrics, MetricsOptions } from './create-metrics.ts';
export type { MetricsErrorCode } from './metrics-error.ts';
export type { FamilyName, FamilyNameOf, FamilySpec, LabelsOf } from './families.ts';
export type { MetricsRegistry } from './metrics-registry.ts';
export type { ObservableSemaphore, ObservableTier, ObservableTiers } from './observe-semaphore.ts';
export type {
  ObservableProvider,
  ObserveProviderOptions,
  ProviderEvent,
  ProviderEventName,
  ProviderUsage,
} from './observe-provider.ts';
export type { EngineEvent, EngineEventName, ObservableEngine } from './observe-engine.ts';
export type { ObservableServer, ObservableServerStats, ServerEvent, ServerEventName } from './observe-server.ts';
export type { AcquisitionFailureReason, RecoveryStatus, SemaphoreRecorder, SemaphoreType } from './record-semaphore.ts';
export type { ClosedVocabulary, Vocabulary } from './vocabularies.ts';
