import {
  type Call,
  type ClientFrameInput,
  CloseCode,
  type HealthReport,
  MAX_DEADLINE_MS,
  PROTOCOL,
  ServerFrame,
  type Snapshot,
  type ToolInfo,
  type Welcome,
} from '../protocol/index.ts';

import { type CallAnswer, type CallOptions, PendingCall } from './pending-call.ts';
import { ProtocolError } from './protocol-error.ts';
import { isFinal, type Loss, reconnectDelay } from './reconnect-delay.ts';
import { platformSocket, type Socket, type SocketClass } from './socket.ts';

/** Settings of {@link connect}. */
export interface ConnectOptions {
  readonly token?: string | undefined;
  /** Shown in the server's view. @defaultValue `exai-client` */
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  /** @defaultValue the platform's, else that of `ws` */
  readonly webSocket?: SocketClass | undefined;
  /** Milliseconds to wait before connecting again; nothing gives up. @defaultValue {@link reconnectDelay} */
  readonly delay?: ((loss: Loss) => number | undefined) | undefined;
  /** Longest time for connecting and the welcome, in milliseconds. @defaultValue 10_000 */
  readonly connectTimeoutMs?: number | undefined;
}

/** What a client tells about its connection. */
export interface ClientEvents {
  /** `resumed`: nothing was missed. Otherwise a new session was begun and unfinished calls were sent again with their keys. */
  readonly connected: { readonly sessionId: string; readonly resumed: boolean; readonly resent: number };
  readonly lost: { readonly code: number; readonly reason: string; readonly retryInMs: number | undefined };
  readonly goaway: { readonly reason: string; readonly deadlineMs: number };
}

type Listener<Name extends keyof ClientEvents> = (event: ClientEvents[Name]) => void;

const ACK_EVERY = 64;
const BEAT_LIMIT = 2;

/**
 * A session with an EXAI server that survives its connections. Calls settle exactly once: with the answer, or with a
 * {@link ProtocolError}.
 */
export class ExaiClient {
  readonly #url: string;
  readonly #options: ConnectOptions;
  readonly #pending = new Map<string, PendingCall>();
  readonly #queries = new Map<
    string,
    { resolve: (frame: ServerFrame) => void; reject: (error: ProtocolError) => void }
  >();
  readonly #listeners: { readonly [Name in keyof ClientEvents]: Set<Listener<Name>> } = {
    connected: new Set(),
    lost: new Set(),
    goaway: new Set(),
  };
  readonly #subscriptions = new Map<string, { intervalMs: number; listener: (snapshot: Snapshot) => void }>();
  /** Cancelled here while there was no connection to say so. */
  readonly #unsaidCancels = new Set<string>();
  #socket: Socket | undefined;
  #welcome: Welcome | undefined;
  #lastSeq = 0;
  #ackedSeq = 0;
  #replayUntil: number | undefined;
  #attempt = 0;
  #hintMs: number | undefined;
  #count = 0;
  #missedBeats = 0;
  #beat: ReturnType<typeof setInterval> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed: ProtocolError | undefined;
  #opening: { resolve: () => void; reject: (error: ProtocolError) => void } | undefined;
  #failure: ProtocolError | undefined;

  constructor(url: string, options: ConnectOptions = {}) {
    this.#url = url;
    this.#options = options;
  }

  /** What the server said when it was last connected to. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  get sessionId(): string | undefined {
    return this.#welcome?.sessionId;
  }

  get connected(): boolean {
    return this.#socket !== undefined && this.#welcome !== undefined && this.#replayUntil === undefined;
  }

  /** Calls without an answer. */
  get pending(): number {
    return this.#pending.size;
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): () => void {
    this.#listeners[name].add(listener);
    return () => {
      this.#listeners[name].delete(listener);
    };
  }

  /** Connects for the first time. Rejects with what went wrong; later losses are repaired without being asked. */
  async open(): Promise<this> {
    const done = new Promise<void>((resolve, reject) => {
      this.#opening = { resolve, reject };
    });
    await this.#dial();
    await done;
    return this;
  }

  /**
   * Calls a tool. Rejects with a {@link ProtocolError}.
   */
  call(tool: string, args: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}): Promise<CallAnswer> {
    const id = `c${(this.#count += 1)}`;
    const frame: Omit<Call, 'deadlineMs'> = {
      type: 'call',
      id,
      tool,
      arguments: args,
      priority: options.priority ?? 'interactive',
      stream: options.onEvent !== undefined,
      idempotencyKey: options.idempotencyKey ?? globalThis.crypto.randomUUID(),
    };
    const deadlineMs = options.deadlineMs === undefined ? undefined : Math.min(options.deadlineMs, MAX_DEADLINE_MS);
    const call = new PendingCall(frame, { ...options, deadlineMs }, () => this.#cancel(call));
    this.#pending.set(id, call);
    const forget = (): void => void this.#pending.delete(id);
    call.answer.then(forget, forget);
    if (this.#closed !== undefined) call.reject(this.#closed);
    else if (options.signal?.aborted === true) call.fail('CANCELLED', 'the signal was aborted before the call');
    else if (this.connected) this.#sendCall(call);
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
    const socket = this.#socket;
    this.#shut(new ProtocolError({ code: 'CANCELLED', message: 'the client was closed', retryable: false }));
    if (socket === undefined) return;
    await new Promise<void>((resolve) => {
      socket.addEventListener('close', () => resolve());
      socket.close(CloseCode.NORMAL, 'done');
    });
  }

  async #dial(): Promise<void> {
    try {
      const socketClass = this.#options.webSocket ?? (await platformSocket());
      if (this.#closed !== undefined) return;
      this.#listen(new socketClass(this.#url, PROTOCOL));
    } catch (error) {
      this.#shut(internal('the WebSocket could not be made', error));
    }
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    this.#failure = undefined;
    const timer = setTimeout(() => socket.close(), this.#options.connectTimeoutMs ?? 10_000);
    socket.addEventListener('open', () => this.#hello(true));
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('message', ({ data }) => {
      if (socket !== this.#socket || typeof data !== 'string') return;
      this.#missedBeats = 0;
      const frame = readFrame(data);
      if (frame?.type === 'welcome') clearTimeout(timer);
      if (frame !== undefined) this.#receive(frame);
    });
    socket.addEventListener('close', ({ code, reason }) => {
      clearTimeout(timer);
      if (socket === this.#socket) this.#lost(code, reason);
    });
  }

  #hello(mayResume: boolean): void {
    const { token, name, version } = this.#options;
    const known = mayResume ? this.#welcome : undefined;
    this.#send({
      type: 'hello',
      version: PROTOCOL,
      client: { name: name ?? 'exai-client', version: version ?? '0' },
      ...(token === undefined ? {} : { token }),
      ...(known === undefined
        ? {}
        : { resume: { sessionId: known.sessionId, resumeToken: known.resumeToken, lastSeq: this.#lastSeq } }),
    });
  }

  #receive(frame: ServerFrame): void {
    if ('seq' in frame && frame.seq !== undefined && !this.#follows(frame.seq)) return;
    switch (frame.type) {
      case 'welcome':
        this.#welcomed(frame);
        break;
      case 'accepted':
      case 'progress':
      case 'chunk':
        this.#pending.get(frame.id)?.tell(frame);
        break;
      case 'result':
        this.#pending.get(frame.id)?.succeed(frame);
        this.#unsaidCancels.delete(frame.id);
        break;
      case 'error':
        this.#failed(frame.id, new ProtocolError(frame.error));
        break;
      case 'tools':
      case 'health_report':
        this.#queries.get(frame.id)?.resolve(frame);
        break;
      case 'goaway':
        this.#hintMs = frame.reconnectAfterMs;
        this.#emit('goaway', { reason: frame.reason, deadlineMs: frame.deadlineMs });
        break;
      case 'snapshot':
        this.#subscriptions.get(frame.id)?.listener(frame.snapshot);
        break;
      case 'pong':
    }
    this.#afterFrame();
  }

  /** Frames come in order and each once. A gap means something was lost: the connection is made anew. */
  #follows(seq: number): boolean {
    if (seq <= this.#lastSeq) return false;
    if (seq !== this.#lastSeq + 1) {
      this.#socket?.close(CloseCode.PROTOCOL, 'a frame is missing');
      return false;
    }
    this.#lastSeq = seq;
    return true;
  }

  #afterFrame(): void {
    if (this.#lastSeq - this.#ackedSeq >= ACK_EVERY) {
      this.#ackedSeq = this.#lastSeq;
      this.#send({ type: 'ack', seq: this.#lastSeq });
    }
    if (this.#replayUntil !== undefined && this.#lastSeq >= this.#replayUntil) this.#caughtUp();
  }

  #welcomed(welcome: Welcome): void {
    const fresh = !welcome.resumed;
    this.#welcome = welcome;
    this.#attempt = 0;
    this.#hintMs = undefined;
    if (fresh) {
      this.#lastSeq = 0;
      this.#ackedSeq = 0;
      this.#unsaidCancels.clear();
      for (const call of this.#pending.values()) call.accepted = false;
    }
    this.#replayUntil = fresh ? 0 : welcome.lastSeq;
    this.#startBeat(welcome.limits.heartbeatMs);
  }

  /** Everything missed has come; what the server never got is sent (again). */
  #caughtUp(): void {
    const resumed = this.#welcome?.resumed === true;
    this.#replayUntil = undefined;
    let resent = 0;
    for (const id of this.#unsaidCancels) this.#send({ type: 'cancel', id });
    this.#unsaidCancels.clear();
    for (const call of this.#pending.values()) {
      if (call.accepted) continue;
      this.#sendCall(call);
      resent += 1;
    }
    for (const [id, { intervalMs }] of this.#subscriptions) this.#send({ type: 'subscribe', id, intervalMs });
    this.#opening?.resolve();
    this.#opening = undefined;
    this.#emit('connected', { sessionId: this.#welcome?.sessionId ?? '', resumed, resent });
  }

  #failed(id: string | undefined, error: ProtocolError): void {
    if (id !== undefined) {
      this.#pending.get(id)?.reject(error);
      this.#queries.get(id)?.reject(error);
      this.#unsaidCancels.delete(id);
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
    clearInterval(this.#beat);
    this.#socket = undefined;
    this.#replayUntil = undefined;
    for (const query of this.#queries.values()) query.reject(lost(code, reason));
    const failure = this.#failure ?? lost(code, reason);
    if (this.#opening !== undefined || this.#closed !== undefined) {
      this.#shut(failure);
      return;
    }
    const delay = this.#options.delay ?? reconnectDelay;
    const retryInMs = delay({ code, attempt: this.#attempt, hintMs: this.#hintMs });
    this.#attempt += 1;
    this.#emit('lost', { code, reason, retryInMs });
    if (retryInMs === undefined || isFinal(code)) this.#shut(failure);
    else this.#retry = setTimeout(() => void this.#dial(), retryInMs);
  }

  #cancel(call: PendingCall): void {
    if (this.connected) this.#send({ type: 'cancel', id: call.id });
    else if (call.accepted) this.#unsaidCancels.add(call.id);
    call.fail('CANCELLED', 'cancelled by the caller');
  }

  #sendCall(call: PendingCall): void {
    const frame = call.toFrame();
    if (frame === undefined) call.fail('DEADLINE_EXCEEDED', 'the deadline passed while there was no connection');
    else this.#send(frame);
  }

  #query(toFrame: (id: string) => ClientFrameInput): Promise<ServerFrame> {
    const id = `q${(this.#count += 1)}`;
    const answer = new Promise<ServerFrame>((resolve, reject) => {
      if (!this.connected) reject(this.#closed ?? lost(CloseCode.GOING_AWAY, 'not connected'));
      else {
        this.#queries.set(id, { resolve, reject });
        this.#send(toFrame(id));
      }
    });
    const forget = (): void => void this.#queries.delete(id);
    answer.then(forget, forget);
    return answer;
  }

  #send(frame: ClientFrameInput): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /** Notices a connection that died without a word. */
  #startBeat(intervalMs: number): void {
    clearInterval(this.#beat);
    this.#missedBeats = 0;
    this.#beat = setInterval(() => {
      this.#missedBeats += 1;
      if (this.#missedBeats > BEAT_LIMIT) {
        const socket = this.#socket;
        this.#lost(1006, 'no sign of life');
        socket?.close();
      } else this.#send({ type: 'ping', t: this.#missedBeats });
    }, intervalMs);
  }

  #shut(error: ProtocolError): void {
    this.#closed ??= error;
    clearTimeout(this.#retry);
    clearInterval(this.#beat);
    this.#opening?.reject(error);
    this.#opening = undefined;
    this.#subscriptions.clear();
    for (const call of this.#pending.values()) call.reject(error);
    for (const query of this.#queries.values()) query.reject(error);
  }

  #emit<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void {
    for (const listener of this.#listeners[name]) listener(event);
  }
}

function readFrame(text: string): ServerFrame | undefined {
  try {
    const parsed = ServerFrame.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
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
