import * as z from 'zod';

import { MAX_DEADLINE_MS } from './limits.ts';

/** A call's name, chosen by the client and unique among its session's unfinished calls. */
export const CallId = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces');

const Seq = z.int().nonnegative();

/** First frame of a connection: who speaks, the token, and the session to take up again. */
export const Hello = z.strictObject({
  type: z.literal('hello'),
  /** `exai.v1`. */
  version: z.string().max(32),
  client: z.strictObject({ name: z.string().min(1).max(100), version: z.string().min(1).max(100) }),
  token: z.string().max(4096).optional(),
  resume: z.strictObject({ sessionId: CallId, resumeToken: CallId, lastSeq: Seq }).optional(),
  /** Folders the file tools of a new session are to look into, signed by a program of the server's own user on its machine. */
  roots: z
    .strictObject({ folders: z.array(z.string().min(1).max(4096)).max(16), proof: z.string().max(64) })
    .optional(),
});

/** Runs one tool. */
export const Call = z.strictObject({
  type: z.literal('call'),
  id: CallId,
  /** With or without the suffix `_EXAI-WS`. */
  tool: z.string().min(1).max(100),
  arguments: z.record(z.string(), z.unknown()).default({}),
  /** Milliseconds from its arrival; the default is the server's for this tool. */
  deadlineMs: z.int().positive().max(MAX_DEADLINE_MS).optional(),
  priority: z.enum(['interactive', 'batch']).default('interactive'),
  /** Whether `chunk` frames are wanted. */
  stream: z.boolean().default(true),
  /** The same key and arguments join the first call; other arguments are a conflict. Keys are per principal. */
  idempotencyKey: CallId.optional(),
  /** W3C trace context, written to the audit log. */
  traceparent: z
    .string()
    .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .optional(),
});

/** Ends a call; it is answered by one `error` with `CANCELLED`, unless its result is already on its way. */
export const Cancel = z.strictObject({ type: z.literal('cancel'), id: CallId, reason: z.string().max(200).optional() });

/** Everything up to `seq` has arrived and need not be kept for a resume. */
export const Ack = z.strictObject({ type: z.literal('ack'), seq: Seq });

/** Asks for the tools and their schemas. */
export const ListTools = z.strictObject({ type: z.literal('list_tools'), id: CallId });

/** Asks for the state of the permits. */
export const Health = z.strictObject({ type: z.literal('health'), id: CallId });

/** Asks for `snapshot` frames at an interval; 0 ends them. Without an admin token they show the own session only. */
export const Subscribe = z.strictObject({
  type: z.literal('subscribe'),
  id: CallId,
  intervalMs: z.union([z.literal(0), z.int().min(250).max(60_000)]).default(1000),
});

/** Asks for a `pong` with the same `t`. */
export const Ping = z.strictObject({ type: z.literal('ping'), t: z.number() });

/** Every frame a client may send. Unknown fields are refused. */
export const ClientFrame = z.discriminatedUnion('type', [Hello, Call, Cancel, Ack, ListTools, Health, Subscribe, Ping]);

/** A client frame after parsing, with defaults filled in. */
export type ClientFrame = z.output<typeof ClientFrame>;
/** A client frame as it is sent. */
export type ClientFrameInput = z.input<typeof ClientFrame>;
/** One {@link Hello}. */
export type Hello = z.output<typeof Hello>;
/** One {@link Call}. */
export type Call = z.output<typeof Call>;
