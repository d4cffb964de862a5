import {
  type Call,
  type ClientFrameInput,
  CloseCode,
  type HealthReport,
  MAX_DEADLINE_MS,
  PROTOCOL,
  type ServerFrame,
  type Snapshot,
  type ToolInfo,
  type Welcome,
} from '../protocol/index.ts';

import { CallBook } from './call-book.ts';
import { type ClientEvents, ClientEventHub } from './client-events.ts';
import type { ConnectOptions } from './connect-options.ts';
import { Connection } from './connection.ts';
import { FrameSequence } from './frame-sequence.ts';
import type { CallAnswer, CallOptions } from './pending-call.ts';
import { ProtocolError } from './protocol-error.ts';
import { QueryBook } from './query-book.ts';
import { isFinal, reconnectDelay } from './reconnect-delay.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * A session with an EXAI server that survives its connections. Calls settle exactly once: with the answer, or with a
 * {@link ProtocolError}.
 */
export class ExaiClient {
  readonly #options: ConnectOptions;
  readonly #connection: Connection;
  readonly #sequence = new FrameSequence();
  readonly #calls = new CallBook({
    isReady: () => this.#isReady,
    send: (frame) => this.#send(frame),
  });
  readonly #queries = new QueryBook();
  readonly #events = new ClientEventHub();
  readonly #subscriptions = new Map<string, { intervalMs: number; listener: (snapshot: Snapshot) => void }>();
  #welcome: Welcome | undefined;
  /** Welcomed, and everything missed has come. */
  #isReady = false;
  #attempt = 0;
  #hintMs: number | undefined;
  #count = 0;
  #closed: ProtocolError | undefined;
  #opening: { resolve: () => void; reject: (error: ProtocolError) => void } | undefined;
  #failure: ProtocolError | undefined;

  constructor(url: string, options: ConnectOptions = {}) {
    this.#options = options;
    const { webSocket, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
    this.#connection = new Connection(
      url,
      { webSocket, connectTimeoutMs },
      {
        opened: () => this.#hello(true),
        received: (frame) => this.#receive(frame),
        lost: (code, reason) => this.#lost(code, reason),
        failed: (cause) => this.#shut(internal('the WebSocket could not be made', cause)),
      },
    );
  }

  /** What the server said when it was last connected to. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  get sessionId(): string | undefined {
    return this.#welcome?.sessionId;
  }

  get connected(): boolean {
    return this.#isReady;
  }

  /** Calls without an answer. */
  get pending(): number {
    return this.#calls.size;
  }

  /** Listens until the returned function is called. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Connects for the first time. Rejects with what went wrong; later losses are repaired without being asked. */
  async open(): Promise<this> {
    const done = new Promise<void>((resolve, reject) => {
      this.#opening = { resolve, reject };
    });
    await this.#connection.dial();
    await done;
    return this;
  }

  /**
   * Calls a tool. Rejects with a {@link ProtocolError}.
   */
  call(tool: string, args: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}): Promise<CallAnswer> {
    const frame: Omit<Call, 'deadlineMs'> = {
      type: 'call',
      id: `c${(this.#count += 1)}`,
      tool,
      arguments: args,
      priority: options.priority ?? 'interactive',
      stream: options.onEvent !== undefined,
      idempotencyKey: options.idempotencyKey ?? globalThis.crypto.randomUUID(),
    };
    const deadlineMs = options.deadlineMs === undefined ? undefined : Math.min(options.deadlineMs, MAX_DEADLINE_MS);
    const call = this.#calls.add(frame, { ...options, deadlineMs });
    if (this.#closed !== undefined) call.reject(this.#closed);
    else if (options.signal?.aborted === true) call.fail('CANCELLED', 'the signal was aborted before the call');
    else if (this.connected) this.#calls.send(call);
    return call.answer;
  }

  /** The tools of the server with their schemas. */
  async listTools(): Promise<readonly ToolInfo[]> {
    const frame = await this.#query((id) => ({ type: 'list_tools', id }));
    return frame.type === 'tools' ? frame.tools : [];
  }

  /** The state of the permits. */
  async health(): Promise<HealthReport> {
    const frame = await this.#query((id) => ({ type: 'health', id }));
    if (frame.type !== 'health_report') throw internal('the server answered something else');
    return frame;
  }

  /** Asks for the server's state every `intervalMs`, over reconnects, until the returned function is called. One at a time. */
  subscribe(intervalMs: number, listener: (snapshot: Snapshot) => void): () => void {
    const id = `s${(this.#count += 1)}`;
    this.#subscriptions.clear();
    this.#subscriptions.set(id, { intervalMs, listener });
    if (this.connected) this.#send({ type: 'subscribe', id, intervalMs });
    return () => {
      if (this.#subscriptions.delete(id) && this.connected) this.#send({ type: 'subscribe', id, intervalMs: 0 });
    };
  }

  /** Says goodbye: the session ends, calls without an answer are rejected with `CANCELLED`. */
  async close(): Promise<void> {
    this.#shut(new ProtocolError({ code: 'CANCELLED', message: 'the client was closed', retryable: false }));
    await this.#connection.close(CloseCode.NORMAL, 'done');
  }

  #hello(mayResume: boolean): void {
    const { token, name, version, roots } = this.#options;
    const known = mayResume ? this.#welcome : undefined;
    this.#send({
      type: 'hello',
      version: PROTOCOL,
      client: { name: name ?? 'exai-client', version: version ?? '0' },
      ...(token === undefined ? {} : { token }),
      ...(roots === undefined ? {} : { roots: { folders: [...roots.folders], proof: roots.proof } }),
      ...(known === undefined
        ? {}
        : { resume: { sessionId: known.sessionId, resumeToken: known.resumeToken, lastSeq: this.#sequence.last } }),
    });
  }

  #receive(frame: ServerFrame): void {
    if ('seq' in frame && frame.seq !== undefined) {
      const place = this.#sequence.take(frame.seq);
      if (place === 'gap') this.#connection.drop(CloseCode.PROTOCOL, 'a frame is missing');
      if (place !== 'next') return;
    }
    switch (frame.type) {
      case 'welcome':
        this.#welcomed(frame);
        break;
      case 'accepted':
      case 'progress':
      case 'chunk':
        this.#calls.tell(frame);
        break;
      case 'result':
        this.#calls.succeed(frame);
        break;
      case 'error':
        this.#failed(frame.id, new ProtocolError(frame.error));
        break;
      case 'tools':
      case 'health_report':
        this.#queries.answer(frame.id, frame);
        break;
      case 'goaway':
        this.#hintMs = frame.reconnectAfterMs;
        this.#events.emit('goaway', { reason: frame.reason, deadlineMs: frame.deadlineMs });
        break;
      case 'snapshot':
        this.#subscriptions.get(frame.id)?.listener(frame.snapshot);
        break;
      case 'pong':
    }
    this.#afterFrame();
  }

  #afterFrame(): void {
    const seq = this.#sequence.toAck();
    if (seq !== undefined) this.#send({ type: 'ack', seq });
    if (!this.#isReady && this.#sequence.caughtUp) this.#caughtUp();
  }

  #welcomed(welcome: Welcome): void {
    this.#welcome = welcome;
    this.#attempt = 0;
    this.#hintMs = undefined;
    if (welcome.resumed) this.#sequence.replayUntil(welcome.lastSeq);
    else this.#sequence.begin();
    this.#calls.welcomed(welcome);
    this.#connection.beatEvery(welcome.limits.heartbeatMs);
  }

  /** Everything missed has come; what the server never got is sent (again). */
  #caughtUp(): void {
    const resumed = this.#welcome?.resumed === true;
    this.#isReady = true;
    const resent = this.#calls.resend();
    for (const [id, { intervalMs }] of this.#subscriptions) this.#send({ type: 'subscribe', id, intervalMs });
    this.#opening?.resolve();
    this.#opening = undefined;
    this.#events.emit('connected', { sessionId: this.#welcome?.sessionId ?? '', resumed, resent });
  }

  #failed(id: string | undefined, error: ProtocolError): void {
    if (id !== undefined) {
      this.#calls.fail(id, error);
      this.#queries.fail(id, error);
      return;
    }
    if (error.code === 'RESUME_FAILED') {
      this.#hello(false);
      return;
    }
    this.#failure = error;
    this.#hintMs = error.retryAfterMs ?? this.#hintMs;
  }

  #lost(code: number, reason: string): void {
    this.#isReady = false;
    this.#sequence.interrupt();
    this.#queries.failAll(lost(code, reason));
    const failure = this.#failure ?? lost(code, reason);
    this.#failure = undefined;
    if (this.#opening !== undefined || this.#closed !== undefined) {
      this.#shut(failure);
      return;
    }
    const delay = this.#options.delay ?? reconnectDelay;
    const retryInMs = delay({ code, attempt: this.#attempt, hintMs: this.#hintMs });
    this.#attempt += 1;
    this.#events.emit('lost', { code, reason, retryInMs });
    if (retryInMs === undefined || isFinal(code)) this.#shut(failure);
    else this.#connection.dialIn(retryInMs);
  }

  #query(toFrame: (id: string) => ClientFrameInput): Promise<ServerFrame> {
    const id = `q${(this.#count += 1)}`;
    if (!this.#isReady) return Promise.reject(this.#closed ?? lost(CloseCode.GOING_AWAY, 'not connected'));
    return this.#queries.ask(id, () => this.#send(toFrame(id)));
  }

  #send(frame: ClientFrameInput): void {
    this.#connection.send(frame);
  }

  #shut(error: ProtocolError): void {
    this.#closed ??= error;
    this.#connection.stop();
    this.#isReady = false;
    this.#opening?.reject(error);
    this.#opening = undefined;
    this.#subscriptions.clear();
    this.#calls.failAll(error);
    this.#queries.failAll(error);
  }
}

function lost(code: number, reason: string): ProtocolError {
  const failure = code === CloseCode.UNAUTHENTICATED ? 'UNAUTHENTICATED' : 'RESUME_FAILED';
  const why = reason === '' ? '' : `: ${reason}`;
  return new ProtocolError({
    code: failure,
    message: `the connection was lost (${code})${why}`,
    retryable: !isFinal(code),
  });
}

function internal(message: string, cause?: unknown): ProtocolError {
  return new ProtocolError({ code: 'INTERNAL', message, retryable: false }, { cause });
}
