import type { Metrics } from '@exai/metrics';
import type { TieredSemaphore } from '@exai/semaphore';
import type { Engine } from '@exai/workflow';

import type { CallService } from '../calls/call-service.ts';
import type { Tool } from '../calls/tool.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { ServerEvents } from '../events.ts';
import type { Authenticator } from '../http/authenticator.ts';
import type { Route } from '../http/http-endpoint.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import type { ServerViews } from '../views/server-views.ts';

import type { ModelSource } from './model-source.ts';

/** What may be given beside the configuration. */
export interface ServerExtras {
  /** Tools beside the built-in ones; one of the same name replaces it. */
  readonly tools?: readonly Tool[];
  /** Called while draining; the drain waits for it within its grace and no longer. */
  readonly onDrain?: () => void | Promise<void>;
}

/** Numbers about the server now. */
export interface ServerStats {
  readonly sessions: number;
  readonly connections: number;
  /** Most bytes any client has not read yet. */
  readonly bufferedBytesMax: number;
  readonly callsInFlight: number;
  readonly runsAtDoor: number;
  readonly draining: boolean;
  /** Whether the store of the journals cannot be written. */
  readonly storeFailed: boolean;
  /** The limits this server shares with others; absent where it has its own. `leased` is by provider. */
  readonly account: { readonly failed: boolean; readonly leased: Readonly<Record<string, number>> } | undefined;
  /** Whether the server can be told to misbehave. */
  readonly faults: boolean;
  /** Entries of every map that should be empty when nothing runs. */
  readonly kept: number;
}

/** The reference server. */
export interface ExaiServer {
  readonly config: ServerConfig;
  /** `http://127.0.0.1:8079`; known after {@link listen}. */
  readonly url: string;
  /** `ws://127.0.0.1:8079/ws`. */
  readonly wsUrl: string;
  readonly port: number;
  readonly semaphore: TieredSemaphore;
  readonly metrics: Metrics;
  readonly engine: Engine;
  readonly service: CallService;
  readonly sessions: SessionRegistry;
  readonly views: ServerViews;
  readonly models: ModelSource;
  readonly authenticator: Authenticator;
  /** By path; a route may be added before or after listening. */
  readonly routes: Map<string, Route>;
  /** Resolves when it takes connections. */
  listen(): Promise<this>;
  stats(): ServerStats;
  on<Name extends keyof ServerEvents>(name: Name, listener: (event: ServerEvents[Name]) => void): () => void;
  /**
   * Drains and ends: not ready, clients are told, queued calls are refused with a retry hint, running ones may end within
   * `graceMs` (default `drainGraceMs`), then everything is closed. Resolves within `graceMs` + 2 s. Later calls join the first.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}
