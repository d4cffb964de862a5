export { createGenAiMetrics } from './create-gen-ai-metrics.ts';
export type { GenAiMetrics, GenAiMetricsOptions } from './create-gen-ai-metrics.ts';
export type { SemConv } from './gen-ai-families.ts';
