import { z } from 'zod';

/** A whole number from `min` to `max`. */
function whole(min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z.number(rule).int(rule).min(min, rule).max(max, rule);
}

/** A duration in milliseconds above 0. */
function duration() {
  const rule = 'must be a duration above 0 and of at most 24 days';
  return z
    .number(rule)
    .positive(rule)
    .max(2 ** 31 - 1, rule);
}

function words(rule: string) {
  return z.array(z.string(rule).min(1, rule), rule);
}

const LIMIT = 10_000;
const MIB = 1024 * 1024;

/** Ceilings of one model attempt by what it does; milliseconds. Source of the defaults: the requirements' table. */
const Timeouts = z.strictObject({
  base: duration().default(240_000),
  web: duration().default(300_000),
  thinking: duration().default(360_000),
  webThinking: duration().default(420_000),
});

/** Every setting of the server with its rule and default. Durations are in milliseconds, sizes in bytes. */
export const ServerConfig = z.strictObject({
  /** Address to listen on; anything but loopback needs a token, and TLS or `allowPlaintext`. */
  host: z.string('must be a host name or address').min(1, 'must be a host name or address').default('127.0.0.1'),
  /** 0 takes a free port. */
  port: whole(0, 65_535).default(8079),
  /** PEM texts; makes the server speak HTTPS and WSS. */
  tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
  /** Listens off loopback without TLS, for a server behind a proxy that ends TLS. */
  allowPlaintext: z.boolean().default(false),
  /** Tokens clients may present; each is a principal of its own. Without any, loopback clients need none. */
  tokens: words('must hold no empty token').default([]),
  /** Opens the whole view of the page, `/metrics` off loopback, and faults. */
  adminToken: z.string().min(8, 'must have at least 8 characters').optional(),
  /** Origins of web pages that may connect, beside the server's own. */
  allowedOrigins: z.array(z.url('must be origins such as https://example.org')).default([]),
  /** Names in the Host header that are answered, beside the loopback names and `host`. */
  allowedHosts: words('must hold no empty name').default([]),

  /** Model calls at once, over all. */
  globalMaxInFlight: whole(1, LIMIT).default(5),
  /** Model calls at once of one session. */
  sessionMaxInFlight: whole(1, LIMIT).default(2),
  glmMaxInFlight: whole(1, LIMIT).default(2),
  kimiMaxInFlight: whole(1, LIMIT).default(3),
  /** Lowers a provider's limit when it answers "too many", and raises it again. */
  adaptiveLimits: z.boolean().default(false),
  /** Runs at once per provider beside each session's first. By default twice the provider's limit. */
  maxRuns: whole(1, LIMIT).optional(),
  /** Unfinished calls of one session, and of all sessions. */
  sessionMaxQueued: whole(1, 100_000).default(128),
  maxQueued: whole(1, 1_000_000).default(2000),

  /** Sessions at once. */
  sessionMaxConcurrent: whole(1, 100_000).default(100),
  /** A session ends when no frame came for so long and nothing runs. */
  sessionTimeoutMs: duration().default(3_600_000),
  /** A session without a connection ends after this; its calls run on until then. */
  resumeWindowMs: duration().default(120_000),
  /** Deadline of a call that names none. */
  chatDeadlineMs: duration().max(3_600_000, 'must be at most an hour').default(600_000),
  workflowDeadlineMs: duration().max(3_600_000, 'must be at most an hour').default(3_600_000),
  /** Results are kept for re-sent calls for this long. */
  resultTtlMs: duration().default(3_600_000),

  glmTimeouts: Timeouts.prefault({}),
  kimiTimeouts: Timeouts.prefault({}),
  /** A provider without a key is simulated. */
  glmApiKey: z.string().min(1).optional(),
  kimiApiKey: z.string().min(1).optional(),
  glmBaseURL: z.url('must be a URL').optional(),
  kimiBaseURL: z.url('must be a URL').optional(),
  /** Speed of the simulated providers: 0.01 is a hundred times faster than real ones. Scales their time-outs too. */
  simTimeScale: z.number().positive('must be above 0').max(10, 'must be at most 10').default(1),
  simSeed: whole(0, 2 ** 31).default(1),

  /** Folders the file tools may read; without any they are not offered. */
  allowedRoots: words('must hold no empty path').default([]),
  /** Folder of the journals; 0700. */
  dataDir: z.string('must be a path').min(1, 'must be a path').default('./.exai'),
  store: z.enum(['file', 'memory'], 'must be file or memory').default('file'),
  /** Keeps the journals in PostgreSQL 13 or newer instead; servers that share it go on with one another's runs. */
  postgresUrl: z
    .string('must be a postgres:// URL')
    .refine((url) => /^postgres(ql)?:\/\//.test(url) && URL.canParse(url), 'must be a postgres:// URL')
    .optional(),
  /** Shares the permits of the account through Redis 6.2 or newer, with every server that has the same keys. */
  redisUrl: z
    .string('must be a redis:// or rediss:// URL')
    .refine((url) => /^rediss?:\/\//.test(url) && URL.canParse(url), 'must be a redis:// or rediss:// URL')
    .optional(),
  /** Age at which ended runs are removed from the store. */
  pruneAfterMs: duration().default(7 * 24 * 3600 * 1000),

  /** Largest frame taken; one above it is answered with an error, one above four times it ends the connection. */
  maxMessageBytes: whole(1024, 64 * MIB).default(MIB),
  maxJsonDepth: whole(4, 1000).default(64),
  helloTimeoutMs: duration().default(5000),
  /** Pings at this interval; two without any sign of life end the connection. */
  heartbeatMs: duration().default(25_000),
  /** Above so many unsent bytes a connection gets no more until it has read. */
  highWaterBytes: whole(1024, 256 * MIB).default(MIB),
  /** Frames kept per session until they are acknowledged. */
  outboxEntries: whole(16, 1_000_000).default(10_000),
  outboxBytes: whole(1024, 1024 * MIB).default(8 * MIB),
  messagesPerSecond: whole(1, 1_000_000).default(500),
  bytesPerSecond: whole(1024, 1024 * MIB).default(8 * MIB),
  maxConnections: whole(1, 100_000).default(2000),
  connectionsPerAddress: whole(1, 100_000).default(200),
  /** New connections per second and address; loopback is not limited. */
  connectsPerSecond: whole(1, 100_000).default(20),
  /** A connection is asked to reconnect at this age, spread by a tenth. */
  maxConnectionAgeMs: duration().default(24 * 3600 * 1000),
  /** Progress frames while nothing else is sent. */
  progressMs: duration().default(10_000),

  /** Tools listed to MCP clients: `lean` five, `standard` all, `full` all with the fields of caller-driven steps. */
  mcpProfile: z.enum(['lean', 'standard', 'full'], 'must be lean, standard or full').default('lean'),
  /** Takes MCP over WebSocket on `/mcp` too. */
  mcpWebSocket: z.boolean('must be 1 or 0').default(false),

  /** How long running calls may go on when the server is told to end. */
  drainGraceMs: duration().default(25_000),
  healthCheckMs: duration().default(30_000),
  /** Opens `POST /admin/faults`. Refused beside a real provider key. */
  faults: z.boolean().default(false),
  /** Writes `audit.jsonl` into the data folder: who called what and how it ended, never content. */
  audit: z.boolean().default(true),
});

/** The whole configuration. */
export type ServerConfig = z.output<typeof ServerConfig>;
/** What may be given in code: any part of {@link ServerConfig}. */
export type ServerConfigInput = z.input<typeof ServerConfig>;
