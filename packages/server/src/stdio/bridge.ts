import { connect, type ConnectOptions, type ExaiClient, ProtocolError } from '../client/index.ts';
import { CallError } from '../calls/call-error.ts';
import type { WireError } from '../protocol/index.ts';
import { type McpCall, type McpCaller, type McpOutcome, queueMessage } from '../mcp/mcp-caller.ts';
import type { ToldRoots } from '../roots/told-roots.ts';

import { ensureServer } from './ensure-server.ts';
import type { ServerTarget } from './server-target.ts';

/** What a bridge works with. */
export interface BridgeOptions {
  readonly target: ServerTarget;
  readonly token: string | undefined;
  /** Folders for the file tools of this bridge's session; nothing: those of the server. */
  readonly roots?: ToldRoots | undefined;
  /** How a server is started when none answers; nothing for a server of another machine. */
  readonly start: (() => Promise<void>) | undefined;
  /** Milliseconds without the server until another is started: a lost one may be restarting by itself. @defaultValue 15_000 */
  readonly restartAfterMs?: number;
  /** @defaultValue that of the client */
  readonly delay?: ConnectOptions['delay'];
  /** For messages to a person. */
  readonly log: (line: string) => void;
}

const RESTART_AFTER_MS = 15_000;
const BEAT_MS = 10_000;

/**
 * Hands calls on to the server everybody shares, so that its limits hold for all of them together. It connects when it is made and
 * again when a call finds no connection; a server that is gone for good is started anew.
 */
export class Bridge {
  readonly caller: McpCaller = (call) => this.#call(call);
  readonly #options: BridgeOptions;
  #client: Promise<ExaiClient> | undefined;
  #open: ExaiClient | undefined;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#connected().catch((error: unknown) => options.log(toWire(error).message));
  }

  /** Ends the session: what it had running is cancelled. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    await this.#open?.close();
  }

  async #call({ tool, arguments: args, signal, idempotencyKey, onProgress }: McpCall): Promise<McpOutcome> {
    // A client that hears nothing gives up, so it is told when the server cannot tell it anything.
    const beat = setInterval(() => {
      if (this.#open?.connected !== true) onProgress('waiting for the server');
    }, BEAT_MS);
    try {
      const client = await this.#connected();
      return await client.call(tool, args, {
        signal,
        idempotencyKey,
        onEvent: (event) => {
          if (event.type === 'accepted') onProgress(queueMessage(event.queued, event.estimatedWaitMs));
          else if (event.type === 'progress') onProgress(event.message ?? '');
        },
      });
    } catch (error) {
      return { error: toWire(error) };
    } finally {
      clearInterval(beat);
    }
  }

  #connected(): Promise<ExaiClient> {
    this.#client ??= this.#connect().catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  async #connect(): Promise<ExaiClient> {
    const { target, token, roots, start, delay } = this.#options;
    await ensureServer(target, start);
    const client = await connect(target.wsUrl, { token, roots, delay, name: 'exai-server stdio' });
    this.#open = client;
    this.#tellMissingRoots(client);
    if (this.#closed) await client.close();
    client.on('connected', () => this.#keepServer());
    client.on('lost', ({ retryInMs }) => this.#lost(retryInMs));
    return client;
  }

  #tellMissingRoots({ welcome }: ExaiClient): void {
    const { roots, log } = this.#options;
    const missing = roots?.folders.filter((folder) => welcome?.roots?.includes(folder) !== true) ?? [];
    if (missing.length > 0) log(`the file tools of this server do not look into ${missing.join(', ')}`);
  }

  #lost(retryInMs: number | undefined): void {
    const { target, start, log, restartAfterMs = RESTART_AFTER_MS } = this.#options;
    if (this.#closed) return;
    if (retryInMs === undefined) {
      this.#client = undefined;
      return;
    }
    // Every failed attempt to reconnect is a loss too: only the first one starts the clock.
    if (this.#restart !== undefined) return;
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      ensureServer(target, start).catch((error: unknown) => log(toWire(error).message));
    }, restartAfterMs);
    this.#restart.unref();
  }

  #keepServer(): void {
    clearTimeout(this.#restart);
    this.#restart = undefined;
  }
}

function toWire(error: unknown): WireError {
  if (ProtocolError.is(error)) {
    const { code, message, retryable, retryAfterMs, details } = error;
    return {
      code,
      message,
      retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(details === undefined ? {} : { details }),
    };
  }
  if (CallError.is(error)) return error.toWire();
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), retryable: false };
}
