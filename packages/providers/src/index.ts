export { createGLM } from './glm/create-glm.ts';
export { createKimi } from './kimi/create-kimi.ts';
export { decodeChat } from './decode-chat.ts';
export { fallback } from './fallback.ts';
export { ProviderError } from './chat/provider-error.ts';
export { GLM_ERRORS, classifyGLMError } from './glm/glm-errors.ts';
export { KIMI_ERRORS, classifyKimiError } from './kimi/kimi-errors.ts';
export { GLM_MODELS } from './glm/glm-models.ts';
export { KIMI_MODELS } from './kimi/kimi-models.ts';
export { toMoonshotSchema } from './kimi/moonshot-schema.ts';

export type { GLMOptions, GLMProvider } from './glm/create-glm.ts';
export type { GlmErrorRow } from './glm/glm-errors.ts';
export type { DecodedEvent, DecodeOptions } from './decode-chat.ts';
export type { FallbackOptions } from './fallback.ts';
export type { QuotaWindow } from './glm/glm-account.ts';
export type { Balance, ListedModel } from './kimi/kimi-account.ts';
export type { FileInfo, Files, FileUpload } from './pipeline/files.ts';
export type { KimiFiles, KimiOptions, KimiProvider } from './kimi/create-kimi.ts';
export type { KimiErrorRow } from './kimi/kimi-errors.ts';
export type { MoonshotSchema } from './kimi/moonshot-schema.ts';
export type {
  CallOptions,
  ChatEvent,
  ChatModel,
  ChatRequest,
  ChatResult,
  ChatStream,
  ChatWarning,
  ContentPart,
  Effort,
  FinishReason,
  FunctionTool,
  JSONSchema,
  Message,
  Source,
  Timings,
  ToolCall,
  WebSearchOptions,
} from './chat/chat-model.ts';
export type { Gate, GateAsk, GatePermit } from './chat/gate.ts';
export type { ModelCatalog, ModelInfo } from './chat/model-catalog.ts';
export type {
  AttemptInfo,
  ErrorClass,
  ErrorContext,
  PartialResult,
  ProviderErrorCode,
  ProviderErrorJSON,
  TimeoutDetail,
} from './chat/provider-error.ts';
export type { Price, Usage } from './chat/usage.ts';
export type { WarningCode } from './chat/warning.ts';
export type { BreakerOptions, BreakerState } from './pipeline/breaker.ts';
export type { FetchLike } from './pipeline/http-transport.ts';
export type { CallRef, ProviderEventName, ProviderEvents } from './pipeline/provider-events.ts';
export type { CommonOptions } from './pipeline/provider-options.ts';
export type { RuntimeOptions } from './pipeline/provider-runtime.ts';
export type { RetryOptions } from './pipeline/retry-policy.ts';
export type { ErrorInput } from './wire/dialect.ts';
