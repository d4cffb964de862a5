import * as z from 'zod';

import { StopReason } from './stop-reason.ts';

const Count = z.int().nonnegative();
const Ms = z.number().nonnegative();

/** One tier of permits. `provider` is `none` for the global and the session tier. */
export const TierSnapshot = z.object({
  type: z.enum(['global', 'provider', 'session']),
  provider: z.string(),
  /** Configured. */
  capacity: Count,
  /** Adaptive, at most `capacity`. */
  limit: Count,
  held: Count,
  available: Count,
  waiting: Count,
  /** Proven leaked or lost and not yet reclaimed. */
  leaked: Count,
  oldestHoldMs: Ms,
});

/** One permit in use. */
export const HolderSnapshot = z.object({
  id: Count,
  provider: z.string().optional(),
  session: z.string().optional(),
  label: z.string().optional(),
  ageMs: Ms,
  /** Epoch ms. */
  deadlineAt: z.number().optional(),
  state: z.enum(['held', 'overdue', 'leaked', 'quarantined']),
});

/** One session. */
export const SessionSnapshot = z.object({
  id: z.string(),
  /** `ws` or `mcp`. */
  transport: z.string(),
  connected: z.boolean(),
  idleMs: Ms,
  /** Calls without a terminal frame. */
  calls: Count,
  /** Of these, waiting at the door. */
  atDoor: Count,
  /** Of these, waiting for a permit. */
  waiting: Count,
  /** Of these, with a permit. */
  running: Count,
  /** Frames kept for a resume. */
  outbox: Count,
});

/** One call without a terminal frame. */
export const CallSnapshot = z.object({
  id: z.string(),
  session: z.string(),
  tool: z.string(),
  provider: z.string(),
  model: z.string().optional(),
  /** `door`: waiting for admission. `queued`: waiting for a permit. `thinking`, `answering`: the provider works. `between`: between two model calls. */
  phase: z.enum(['door', 'queued', 'connecting', 'thinking', 'answering', 'stalled', 'retrying', 'between']),
  /** Since when it is in this phase. */
  phaseMs: Ms,
  ageMs: Ms,
  /** The time-out budget of the whole call, and how much of it is left. */
  budgetMs: Ms,
  leftMs: z.number(),
  /** Steps done. */
  steps: Count,
  runId: z.string().optional(),
});

/** One workflow run, running or lately ended. */
export const RunSnapshot = z.object({
  runId: z.string(),
  tool: z.string(),
  session: z.string(),
  steps: Count,
  startedAt: z.number(),
  endedAt: z.number().optional(),
  /** Absent while it runs. */
  stop: StopReason.optional(),
  confidence: z.string().optional(),
});

/** Something worth a line on the page: a leak, a recovery, a shed call. Newest last, at most 50. */
export const NoteSnapshot = z.object({
  at: z.number(),
  kind: z.enum(['leaked', 'reclaimed', 'recovered', 'overdue', 'shed', 'deadlock', 'breaker', 'drain', 'fault']),
  text: z.string().max(300),
});

/** The state of the server, or of one session, at one moment. */
export const Snapshot = z.object({
  /** Epoch ms. */
  at: z.number(),
  /** `all` for an admin, else `session`: only its own session's holders, calls and runs are listed. */
  scope: z.enum(['all', 'session']),
  version: z.string(),
  uptimeMs: Ms,
  draining: z.boolean(),
  faults: z.boolean(),
  simulated: z.array(z.string()),
  connections: Count,
  tiers: z.array(TierSnapshot),
  holders: z.array(HolderSnapshot),
  sessions: z.array(SessionSnapshot),
  calls: z.array(CallSnapshot),
  runs: z.array(RunSnapshot),
  totals: z.object({
    finished: Count,
    failed: Count,
    shed: Count,
    cancelled: Count,
    leaksDetected: Count,
    recovered: Count,
    lateReleases: Count,
  }),
  notes: z.array(NoteSnapshot),
  eventLoopLagMs: z.object({ p50: Ms, p99: Ms, max: Ms }),
});
/** One {@link Snapshot}. */
export type Snapshot = z.infer<typeof Snapshot>;
/** One {@link TierSnapshot}. */
export type TierSnapshot = z.infer<typeof TierSnapshot>;
/** One {@link HolderSnapshot}. */
export type HolderSnapshot = z.infer<typeof HolderSnapshot>;
/** One {@link SessionSnapshot}. */
export type SessionSnapshot = z.infer<typeof SessionSnapshot>;
/** One {@link CallSnapshot}. */
export type CallSnapshot = z.infer<typeof CallSnapshot>;
/** One {@link RunSnapshot}. */
export type RunSnapshot = z.infer<typeof RunSnapshot>;
/** One {@link NoteSnapshot}. */
export type NoteSnapshot = z.infer<typeof NoteSnapshot>;
