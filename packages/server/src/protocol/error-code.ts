import * as z from 'zod';

/**
 * Every code an `error` frame may carry; a closed set.
 *
 * `INVALID_MESSAGE` not a frame of this protocol · `UNSUPPORTED_VERSION` · `UNAUTHENTICATED` no or wrong token · `FORBIDDEN` ·
 * `UNKNOWN_TOOL` · `INVALID_ARGUMENTS` · `DUPLICATE_ID` the id is in use in this session · `IDEMPOTENCY_CONFLICT` the key was used with
 * other arguments · `OVER_CAPACITY` a queue is full, or the estimated wait does not fit the deadline · `QUEUE_TIMEOUT` · `DEADLINE_EXCEEDED` ·
 * `CANCELLED` · `RATE_LIMITED` too many frames, or the provider's account limit · `PROVIDER_ERROR` · `CIRCUIT_OPEN` · `RESUME_FAILED` the
 * session cannot be resumed without loss · `SLOW_CONSUMER` · `SERVER_DRAINING` · `PERMIT_LOST` the permit of the running call was reclaimed ·
 * `INTERNAL`.
 */
export const ErrorCode = z.enum([
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
]);
/** One code of {@link ErrorCode}. */
export type ErrorCode = z.infer<typeof ErrorCode>;

/** What went wrong, whether asking again can help, and when. */
export const WireError = z.object({
  code: ErrorCode,
  message: z.string().max(1000),
  retryable: z.boolean(),
  /** Milliseconds to wait before asking again. */
  retryAfterMs: z.int().nonnegative().optional(),
  details: z
    .object({
      /** `door`: the admission of runs; the others are tiers of permits. */
      tier: z.enum(['global', 'provider', 'session', 'door']).optional(),
      limit: z.int().optional(),
      inFlight: z.int().optional(),
      queued: z.int().optional(),
      queueLimit: z.int().optional(),
      provider: z.string().optional(),
      upstreamStatus: z.int().optional(),
      /** The code of the layer that failed, for example `AUTH` of a provider. */
      cause: z.string().max(64).optional(),
    })
    .optional(),
});
/** One {@link WireError}. */
export type WireError = z.infer<typeof WireError>;

/** WebSocket close codes and what a client does about each. */
export const CloseCode = {
  /** Done: the session ends at once. */
  NORMAL: 1000,
  GOING_AWAY: 1001,
  /** A binary message. */
  UNSUPPORTED_DATA: 1003,
  POLICY: 1008,
  TOO_BIG: 1009,
  INTERNAL: 1011,
  /** Drained: reconnect after 5–15 s. */
  RESTART: 1012,
  /** Over a limit: reconnect after 30–120 s. */
  TRY_LATER: 1013,
  PROTOCOL: 4400,
  /** Wrong token: do not retry. */
  UNAUTHENTICATED: 4401,
  /** Do not retry. */
  FORBIDDEN: 4403,
  HELLO_TIMEOUT: 4408,
  /** Another connection resumed this session: do not retry. */
  REPLACED: 4409,
  RATE: 4429,
} as const;
/** One close code of {@link CloseCode}. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];
