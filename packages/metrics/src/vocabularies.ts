/** Tiers of the semaphore. */
export const TIERS = ['global', 'provider', 'session'] as const;

/** Outcomes of a recovery. */
export const RECOVERY_STATUSES = ['success', 'partial', 'failed'] as const;

/** Codes a refused acquire carries; `UNSPECIFIED` is what the helper records without a reason. */
export const ACQUIRE_CODES = [
  'TIMEOUT',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'OVER_CAPACITY',
  'SHED',
  'CLOSED',
  'DEADLOCK',
  'LOST',
  'UNSPECIFIED',
] as const;

/** Codes of the wire protocol `exai.v1`. */
export const WIRE_CODES = [
  'INVALID_MESSAGE',
  'UNSUPPORTED_VERSION',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'UNKNOWN_TOOL',
  'INVALID_ARGUMENTS',
  'DUPLICATE_ID',
  'IDEMPOTENCY_CONFLICT',
  'OVER_CAPACITY',
  'QUEUE_TIMEOUT',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'RATE_LIMITED',
  'PROVIDER_ERROR',
  'CIRCUIT_OPEN',
  'RESUME_FAILED',
  'SLOW_CONSUMER',
  'SERVER_DRAINING',
  'PERMIT_LOST',
  'INTERNAL',
] as const;

/** Codes of a failed provider call. */
export const PROVIDER_CODES = [
  'AUTH',
  'PERMISSION',
  'QUOTA_EXHAUSTED',
  'QUOTA_WINDOW',
  'RATE_LIMITED',
  'OVERLOADED',
  'MODEL_NOT_FOUND',
  'INVALID_REQUEST',
  'CONTEXT_OVERFLOW',
  'CONTENT_FILTER',
  'SERVER_ERROR',
  'NETWORK',
  'TIMEOUT',
  'TRUNCATED',
  'MALFORMED_STREAM',
  'MALFORMED_OUTPUT',
  'EMPTY_RESPONSE',
  'ABORTED',
  'DEADLINE_EXCEEDED',
  'CIRCUIT_OPEN',
  'OVER_CAPACITY',
  'PERMIT_LOST',
  'SLOW_CONSUMER',
] as const;

/** Phases of a model stream that have their own time-out. */
export const PHASES = ['connect', 'first', 'reasoning', 'text', 'tool-args', 'server-tool', 'total'] as const;

/** Where the budget of a time-out came from. */
export const TIMEOUT_SOURCES = ['seed', 'learned', 'backoff', 'deadline', 'explore', 'fixed'] as const;

/** Why a workflow run stopped; `complete_unverified` is a `complete` nothing has checked. */
export const STOP_REASONS = [
  'complete',
  'complete_unverified',
  'no_progress',
  'safety_limit',
  'budget',
  'deadline',
  'canceled',
  'suspended',
  'abandoned',
  'failed',
] as const;

/** How a call ended, seen from the client. */
export const OUTCOMES = ['ok', 'error', 'timeout', 'cancelled', 'shed'] as const;

/** The ways into the server. */
export const TRANSPORTS = ['ws', 'mcp', 'stdio'] as const;

/** Breaker states in the order of the gauge's value: 0, 1, 2. */
export const BREAKER_STATES = ['closed', 'half-open', 'open'] as const;

/** Close codes of RFC 6455 and of the IANA registry; application codes fold into `4xxx`. */
export const CLOSE_CODES = [
  '1000',
  '1001',
  '1002',
  '1003',
  '1005',
  '1006',
  '1007',
  '1008',
  '1009',
  '1010',
  '1011',
  '1012',
  '1013',
  '1014',
  '1015',
  '4xxx',
] as const;

/** Tools of the reference server, without the suffix `_EXAI-WS`. */
export const DEFAULT_TOOLS = [
  'chat',
  'debug',
  'thinkdeep',
  'analyze',
  'codereview',
  'planner',
  'consensus',
  'secaudit',
  'testgen',
  'refactor',
  'precommit',
  'tracer',
  'docgen',
  'challenge',
] as const;

/** GLM and Kimi models known when this was written; more by the option `models`. */
export const DEFAULT_MODELS = [
  'glm-4.5',
  'glm-4.5-air',
  'glm-4.5-airx',
  'glm-4.5-flash',
  'glm-4.5-x',
  'glm-4.5v',
  'glm-4.6',
  'glm-4.6v',
  'glm-4.6v-flash',
  'glm-4.6v-flashx',
  'glm-4.7',
  'glm-4.7-flash',
  'glm-4.7-flashx',
  'glm-5',
  'glm-5-turbo',
  'glm-5.1',
  'glm-5.2',
  'glm-5.2-highspeed',
  'glm-5.3',
  'glm-5.3-flash',
  'glm-5.3-highspeed',
  'glm-5v-turbo',
  'k3',
  'k3-256k',
  'k3.1-pro',
  'k3.1-pro-highspeed',
  'kimi-for-coding',
  'kimi-for-coding-highspeed',
  'kimi-k2.5',
  'kimi-k2.6',
  'kimi-k2.7-code',
  'kimi-k2.7-code-highspeed',
  'kimi-k3',
  'kimi-k3.1-pro',
  'kimi-k3.1-pro-highspeed',
  'moonshot-v1-128k',
  'moonshot-v1-128k-vision-preview',
  'moonshot-v1-32k',
  'moonshot-v1-32k-vision-preview',
  'moonshot-v1-8k',
  'moonshot-v1-8k-vision-preview',
  'moonshot-v1-auto',
] as const;

/** Name of a closed set. */
export type ClosedVocabulary =
  | 'tier'
  | 'recovery'
  | 'acquireCode'
  | 'wireCode'
  | 'providerCode'
  | 'phase'
  | 'timeoutSource'
  | 'stop'
  | 'outcome'
  | 'transport'
  | 'breaker'
  | 'closeCode'
  | 'direction'
  | 'limitMove'
  | 'health'
  | 'lagStat'
  | 'resume'
  | 'sessionEnd'
  | 'result'
  | 'verdict'
  | 'errorType'
  | 'component';

/** The closed sets label values come from, by the name a family's label refers to. */
export const VOCABULARIES: Readonly<Record<ClosedVocabulary, readonly string[]>> = {
  tier: TIERS,
  recovery: RECOVERY_STATUSES,
  acquireCode: ACQUIRE_CODES,
  wireCode: WIRE_CODES,
  providerCode: PROVIDER_CODES,
  phase: PHASES,
  timeoutSource: TIMEOUT_SOURCES,
  stop: STOP_REASONS,
  outcome: OUTCOMES,
  transport: TRANSPORTS,
  breaker: BREAKER_STATES,
  closeCode: CLOSE_CODES,
  direction: ['input', 'output', 'reasoning', 'cached'],
  limitMove: ['up', 'down'],
  health: ['healthy', 'unhealthy'],
  lagStat: ['p50', 'p99', 'max'],
  resume: ['resumed', 'failed'],
  sessionEnd: ['closed', 'expired', 'drained', 'moved'],
  result: ['ok', 'failed'],
  verdict: ['ok', 'failed', 'unknown'],
  errorType: ['', ...PROVIDER_CODES],
  component: ['semaphore', 'provider', 'engine', 'server', 'runtime'],
};

/**
 * Where a label's values come from: a closed set, or one of the guarded ones. `provider` admits the first 16 names it sees,
 * `model` and `tool` only those on their allow-list, `family` and `text` only what this package writes itself.
 */
export type Vocabulary = ClosedVocabulary | 'provider' | 'model' | 'tool' | 'family' | 'text';
