import type { FamilySpec } from '../families.ts';

/** Versions of the OpenTelemetry GenAI conventions, both of status Development. */
export type SemConv = '1.41' | 'inference-2026';

const CALL = {
  gen_ai_operation_name: 'text',
  gen_ai_provider_name: 'provider',
  gen_ai_request_model: 'model',
} as const;

const duration = (help: string): FamilySpec => ({
  type: 'histogram',
  help,
  labels: { ...CALL, error_type: 'errorType' },
  buckets: 'genAiSeconds',
});

const firstChunk: FamilySpec = {
  type: 'histogram',
  help: 'Time from the request to the first piece of the answer.',
  labels: CALL,
  buckets: 'genAiSeconds',
};

const tokens = (help: string): FamilySpec => ({ type: 'counter', help, labels: CALL });

const OWN: Readonly<Record<string, FamilySpec>> = {
  gen_ai_metrics_label_overflow_total: {
    type: 'counter',
    help: 'Label values folded into "other" because they were not known or too many.',
    labels: { family: 'family' },
  },
  gen_ai_metrics_invalid_values_total: {
    type: 'counter',
    help: 'Values dropped because they were not finite or negative.',
    labels: { family: 'family' },
  },
};

/**
 * The families of each version, in Prometheus spelling. Source: open-telemetry/semantic-conventions 1.41 and
 * open-telemetry/semantic-conventions-genai, client metrics of inference.
 */
export const GEN_AI_FAMILIES: Readonly<Record<SemConv, Readonly<Record<string, FamilySpec>>>> = {
  '1.41': {
    gen_ai_client_operation_duration_seconds: duration('Duration of a model call.'),
    gen_ai_client_operation_time_to_first_chunk_seconds: firstChunk,
    gen_ai_client_token_usage: {
      type: 'histogram',
      help: 'Tokens of a model call.',
      labels: { ...CALL, gen_ai_token_type: 'direction' },
      buckets: 'genAiTokens',
    },
    ...OWN,
  },
  'inference-2026': {
    gen_ai_client_inference_duration_seconds: duration('Duration of an inference.'),
    gen_ai_client_inference_time_to_first_chunk_seconds: firstChunk,
    gen_ai_client_inference_usage_input_tokens_total: tokens('Input tokens, cached ones included.'),
    gen_ai_client_inference_usage_output_tokens_total: tokens('Output tokens, reasoning included.'),
    gen_ai_client_inference_usage_cache_read_input_tokens_total: tokens('Input tokens read from a cache.'),
    gen_ai_client_inference_usage_reasoning_output_tokens_total: tokens('Output tokens of reasoning.'),
    ...OWN,
  },
};
