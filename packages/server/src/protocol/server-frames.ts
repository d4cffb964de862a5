import * as z from 'zod';

import { CallId } from './client-frames.ts';
import { WireError } from './error-code.ts';
import { Snapshot } from './snapshot.ts';
import { StopReason } from './stop-reason.ts';

const Seq = z.int().positive();
const Ms = z.number().nonnegative();

/** Answers `hello`. Not numbered. */
export const Welcome = z.object({
  type: z.literal('welcome'),
  version: z.string(),
  server: z.object({ name: z.string(), version: z.string() }),
  sessionId: z.string(),
  /** Needed to resume; changes with every resume. */
  resumeToken: z.string(),
  resumed: z.boolean(),
  /**
   * The session was with another server. What is unfinished is `accepted` again by a frame up to `lastSeq`, or must be sent again with its key.
   * Pieces that were missed are not sent again; numbers of progress and pieces go on higher.
   */
  moved: z.boolean().optional(),
  /** Folders of this session, when those it told were taken. Absent: its file tools look into those of the server. */
  roots: z.array(z.string()).optional(),
  /** Number of the last frame of this session; on a resume, what follows the client's `lastSeq` is sent again. */
  lastSeq: z.int().nonnegative(),
  limits: z.object({
    maxMessageBytes: z.int(),
    /** Model calls of one session at once. */
    maxInFlight: z.int(),
    /** Unfinished calls of one session. */
    maxQueued: z.int(),
    heartbeatMs: z.int(),
    resumeWindowMs: z.int(),
    maxDeadlineMs: z.int(),
  }),
  /** Present when a provider is simulated. */
  simulator: z.object({ timeScale: z.number(), providers: z.array(z.string()) }).optional(),
});

/** The call was taken; exactly one `result` or `error` with its id will follow. */
export const Accepted = z.object({
  type: z.literal('accepted'),
  seq: Seq,
  id: CallId,
  state: z.enum(['queued', 'running']),
  /** Calls before it in the queue. */
  queued: z.int().nonnegative().optional(),
  estimatedWaitMs: Ms.optional(),
  /** The journaled run that does the work. */
  runId: z.string().optional(),
});

/** `progress` grows strictly within a call. */
export const Progress = z.object({
  type: z.literal('progress'),
  seq: Seq,
  id: CallId,
  progress: z.number(),
  total: z.number().optional(),
  message: z.string().optional(),
});

/** A piece of the answer. `index` grows within a call; pieces that are sent together are joined under the index of the first. */
export const Chunk = z.object({
  type: z.literal('chunk'),
  seq: Seq,
  id: CallId,
  index: z.int().nonnegative(),
  delta: z.string(),
});

/** Tokens used by a call, all its model calls together. */
export const UsageReport = z.object({
  inputTokens: z.number(),
  outputTokens: z.number(),
  reasoningTokens: z.number(),
  cachedTokens: z.number(),
  totalTokens: z.number(),
  costUsd: z.number().optional(),
});

/** The call ended with an answer. For a workflow, `stop` says why; anything but `complete` is no success. */
export const Result = z.object({
  type: z.literal('result'),
  seq: Seq,
  id: CallId,
  content: z.array(z.object({ type: z.literal('text'), text: z.string() })),
  structured: z.record(z.string(), z.unknown()).optional(),
  stop: StopReason.optional(),
  usage: UsageReport.optional(),
  timing: z.object({
    /** Door and permit waits together. */
    queuedMs: Ms,
    /** From acceptance to the end, without `queuedMs`. */
    runMs: Ms,
  }),
  /** The answer of an earlier call with the same idempotency key. */
  replayed: z.boolean().optional(),
});

/** A call ended without an answer (`id`), or the connection was misused (no `id`). */
export const ErrorFrame = z.object({
  type: z.literal('error'),
  seq: Seq.optional(),
  id: CallId.optional(),
  error: WireError,
});

/** One tool as a client sees it. */
export const ToolInfo = z.object({
  name: z.string(),
  description: z.string(),
  kind: z.enum(['chat', 'workflow']),
  inputSchema: z.record(z.string(), z.unknown()),
});

/** Answers `list_tools`. */
export const Tools = z.object({ type: z.literal('tools'), seq: Seq, id: CallId, tools: z.array(ToolInfo) });

/** The server will close: finish within `deadlineMs`, reconnect after `reconnectAfterMs`. */
export const GoAway = z.object({
  type: z.literal('goaway'),
  seq: Seq,
  reason: z.enum(['drain', 'max_age', 'shutdown']),
  deadlineMs: z.int().nonnegative(),
  reconnectAfterMs: z.int().nonnegative(),
});

/** Answers `ping`. Not numbered. */
export const Pong = z.object({ type: z.literal('pong'), t: z.number() });

/** Answers `health`. Not numbered: ask again after a reconnect. */
export const HealthReport = z.object({
  type: z.literal('health_report'),
  id: CallId,
  /** False only for a permit proven leaked or lost; a busy server is healthy. */
  healthy: z.boolean(),
  ready: z.boolean(),
  uptimeMs: Ms,
  overdue: z.int().nonnegative(),
  leaked: z.int().nonnegative(),
  quarantined: z.int().nonnegative(),
  oldestHoldMs: Ms,
  tiers: Snapshot.shape.tiers,
  /** Overdue or leaked permits, of the own session only without an admin token. */
  holders: Snapshot.shape.holders,
});

/** The state asked for by `subscribe`. Not numbered: only the newest matters. */
export const SnapshotFrame = z.object({ type: z.literal('snapshot'), id: CallId, snapshot: Snapshot });

/** Every frame a server may send. Clients ignore fields they do not know. */
export const ServerFrame = z.discriminatedUnion('type', [
  Welcome,
  Accepted,
  Progress,
  Chunk,
  Result,
  ErrorFrame,
  Tools,
  GoAway,
  Pong,
  HealthReport,
  SnapshotFrame,
]);

/** One {@link ServerFrame}. */
export type ServerFrame = z.infer<typeof ServerFrame>;
/** One {@link Welcome}. */
export type Welcome = z.infer<typeof Welcome>;
/** One {@link Result}. */
export type Result = z.infer<typeof Result>;
/** One {@link ErrorFrame}. */
export type ErrorFrame = z.infer<typeof ErrorFrame>;
/** One {@link ToolInfo}. */
export type ToolInfo = z.infer<typeof ToolInfo>;
/** One {@link UsageReport}. */
export type UsageReport = z.infer<typeof UsageReport>;
/** One {@link HealthReport}. */
export type HealthReport = z.infer<typeof HealthReport>;
/** One {@link SnapshotFrame}. */
export type SnapshotFrame = z.infer<typeof SnapshotFrame>;
/** One {@link Accepted}. */
export type Accepted = z.infer<typeof Accepted>;
/** One {@link Progress}. */
export type Progress = z.infer<typeof Progress>;
/** One {@link Chunk}. */
export type Chunk = z.infer<typeof Chunk>;
/** One {@link GoAway}. */
export type GoAway = z.infer<typeof GoAway>;
