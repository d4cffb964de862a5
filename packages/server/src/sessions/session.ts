import { randomBytes, timingSafeEqual } from 'node:crypto';

import type { CallHandle } from '../calls/call-ask.ts';
import { ChurnMap } from '../calls/churn-map.ts';
import type { Transport } from '../events.ts';

import { Outbox, type OutboxLimits, type SessionFrame } from './outbox.ts';

/** What a connection is to its session. */
export interface SessionLink {
  /** There is something to send, in this turn. */
  pump(): void;
  /** Sends now what it can. */
  flush?(): void;
  close(code: number, reason: string): void;
  /** Frames were given up before this connection could send them. */
  overrun(): void;
}

/** Who a session belongs to. */
export interface SessionOwner {
  readonly transport: Transport;
  /** Who authenticated; idempotency keys and resumes are bound to it. */
  readonly principal: string;
  /** Whether it may see all sessions. */
  readonly admin: boolean;
  /** Folders its file tools look into; absent: the server's. */
  readonly roots?: readonly string[] | undefined;
}

/** What makes a session go on that another server had. */
export interface KnownSession {
  readonly id: string;
  readonly resumeToken: string;
  readonly previousToken: string;
  readonly fence: number;
  /** Number of the last frame its client has. */
  readonly lastSeq: number;
}

/** 128 random bits as 22 URL-safe characters. */
export function randomHandle(): string {
  return randomBytes(16).toString('base64url');
}

/** One client's conversation with the server. It outlives its connections; permits and fairness are counted per session. */
export class Session {
  readonly id: string;
  readonly transport: Transport;
  readonly principal: string;
  readonly admin: boolean;
  readonly roots: readonly string[] | undefined;
  readonly outbox: Outbox;
  /** Calls without a terminal frame, by the client's id. */
  readonly calls = new ChurnMap<string, CallHandle | undefined>();
  readonly startedAt: number = Date.now();
  lastSeenAt: number = Date.now();
  /** May be ended to make room while it has no calls: its client begins another without losing anything. */
  expendable = false;
  /** Epoch ms since which it has no connection. */
  lostAt: number | undefined;
  /** Counts who owned it, over all servers that share their sessions; 0 until it was resumed for the first time. */
  fence: number;
  #resumeToken: string;
  /** Good until the client has shown that it got the new one: the welcome itself may be lost. */
  #previousToken: string | undefined;
  #link: SessionLink | undefined;

  constructor(owner: SessionOwner, outbox: OutboxLimits, known?: KnownSession) {
    this.id = known?.id ?? randomHandle();
    this.fence = known?.fence ?? 0;
    this.#resumeToken = known?.resumeToken ?? randomHandle();
    this.#previousToken = known?.previousToken;
    // It has no connection yet, and may never get one.
    if (known !== undefined) this.lostAt = Date.now();
    this.transport = owner.transport;
    this.principal = owner.principal;
    this.admin = owner.admin;
    this.roots = owner.roots;
    this.outbox = new Outbox(outbox, known?.lastSeq);
  }

  get resumeToken(): string {
    return this.#resumeToken;
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  /** A frame came: the session lives on. True when it is the first one that shows that the client has the newest token. */
  touch(): boolean {
    this.lastSeenAt = Date.now();
    if (this.#previousToken === undefined) return false;
    this.#previousToken = undefined;
    return true;
  }

  /** Numbers a frame and sends it when there is a connection. */
  send(frame: SessionFrame): void {
    if (this.outbox.isFull) this.#link?.flush?.();
    const complete = this.outbox.push(frame);
    if (complete) this.#link?.pump();
    else this.#link?.overrun();
  }

  /** Gives the session to a connection; an older one is closed by `replaced`. */
  attach(link: SessionLink, replaced: { readonly code: number; readonly reason: string }): void {
    const old = this.#link;
    this.#link = link;
    this.lostAt = undefined;
    this.lastSeenAt = Date.now();
    old?.close(replaced.code, replaced.reason);
  }

  /** The connection is gone. */
  detach(link: SessionLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.lostAt = Date.now();
  }

  /** Its client is on the way back: the time for that begins anew. */
  expect(): void {
    if (this.lostAt !== undefined) this.lostAt = Date.now();
  }

  /** Closes the connection, if there is one. */
  disconnect(code: number, reason: string): void {
    this.#link?.close(code, reason);
  }

  /** Whether `token` resumes this session; compared in constant time. */
  admits(token: string): boolean {
    return (
      isSame(token, this.#resumeToken) || (this.#previousToken !== undefined && isSame(token, this.#previousToken))
    );
  }

  /** Changes the resume token. The one that was `presented` stays good until the client has shown that it got the new one. */
  rotate(presented: string, token: string = randomHandle()): void {
    this.#previousToken = presented;
    this.#resumeToken = token;
  }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
