import type { ErrorCode } from './protocol/index.ts';

/** The ways into the server. */
export type Transport = 'ws' | 'mcp' | 'stdio';

/** How a call ended, seen from the client. */
export type CallOutcome = 'ok' | 'error' | 'timeout' | 'cancelled' | 'shed';

/** What the server tells its observers; plain data, never content. */
export interface ServerEvents {
  /** A WebSocket connection was welcomed. */
  connected: { readonly session: string; readonly resumed: boolean };
  closed: { readonly session?: string; readonly code: number; readonly reason: string };
  sessionStarted: { readonly session: string; readonly transport: Transport };
  sessionEnded: {
    readonly session: string;
    readonly transport: Transport;
    /** `moved`: another server has it now. */
    readonly reason: 'closed' | 'expired' | 'drained' | 'moved';
  };
  /** A resume was asked for; `frames` were sent again. */
  resumed: { readonly session: string; readonly ok: boolean; readonly frames: number };
  /** A call was accepted. */
  called: { readonly tool: string; readonly provider: string; readonly transport: Transport; readonly session: string };
  /** A call got its one terminal event. */
  finished: {
    readonly tool: string;
    readonly provider: string;
    readonly transport: Transport;
    readonly session: string;
    readonly principal: string;
    readonly outcome: CallOutcome;
    readonly traceparent?: string;
    readonly code?: ErrorCode;
    readonly stop?: string;
    readonly replayed: boolean;
    readonly queuedMs: number;
    readonly durationMs: number;
    /** Until the first piece of the answer; absent when none came. */
    readonly firstChunkMs?: number;
  };
  /** A call or connection was turned away. */
  shed: {
    readonly code: ErrorCode;
    readonly reason: ErrorCode;
    readonly tier?: string;
    readonly tool?: string;
    readonly session?: string;
  };
  /** Somebody was not let in. */
  refused: { readonly code: ErrorCode; readonly address: string };
  /** The store of the journals failed, or is well again. */
  storeChanged: { readonly failure: string | undefined };
  /** The limits that are shared with other servers can be used again, or cannot. */
  accountChanged: { readonly failure: string | undefined };
  draining: { readonly reason: 'drain'; readonly graceMs: number };
}

type Listener<Name extends keyof ServerEvents> = (event: ServerEvents[Name]) => void;

/** Hands the events to their listeners; one that throws harms neither the server nor the others. */
export class ServerEventHub {
  readonly #listeners: { readonly [Name in keyof ServerEvents]: Set<Listener<Name>> } = {
    connected: new Set(),
    closed: new Set(),
    sessionStarted: new Set(),
    sessionEnded: new Set(),
    resumed: new Set(),
    called: new Set(),
    finished: new Set(),
    shed: new Set(),
    refused: new Set(),
    storeChanged: new Set(),
    accountChanged: new Set(),
    draining: new Set(),
  };

  /** Listens until the returned function is called. */
  on<Name extends keyof ServerEvents>(name: Name, listener: Listener<Name>): () => void {
    this.#listeners[name].add(listener);
    return () => {
      this.#listeners[name].delete(listener);
    };
  }

  emit<Name extends keyof ServerEvents>(name: Name, event: ServerEvents[Name]): void {
    for (const listener of this.#listeners[name]) {
      try {
        listener(event);
      } catch {
        // An observer that fails must not harm what it observes.
      }
    }
  }
}
