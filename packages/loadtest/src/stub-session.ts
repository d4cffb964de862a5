import { PROTOCOL } from '@exai/server/protocol';
import type { RawData, WebSocket } from 'ws';

import type { Cancel } from './clock.ts';
import { isObject } from './json-schema.ts';
import { noteServed, serviceOf, type StubShared } from './stub-shared.ts';
import { textOf } from './text-of.ts';

interface StubCall {
  id: string;
  tool: string;
  provider: string;
  serviceMs: number;
  deadlineMs: number;
  arrivedAt: number;
  queuedMs: number;
  holdsPermit: boolean;
  withdraw: () => void;
  timers: Cancel[];
}

let lastSession = 0;

/** How long after its deadline a late answer comes, in milliseconds: the client has given up by then. */
const LATE_BY_MS = 1200;

/** One connection of the stub: `hello`, `call`, `cancel`, `ping`. */
export class StubSession {
  readonly #socket: WebSocket;
  readonly #shared: StubShared;
  readonly #name = `s${(lastSession += 1)}`;
  readonly #calls = new Map<string, StubCall>();
  #seq = 0;

  constructor(socket: WebSocket, shared: StubShared) {
    this.#socket = socket;
    this.#shared = shared;
    socket.on('message', (data: RawData) => this.#onMessage(Buffer.isBuffer(data) ? data.toString('utf8') : '{}'));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const call of this.#calls.values()) this.#forget(call);
      shared.permits.endSession(this.#name);
    });
  }

  drop(code: number): void {
    this.#socket.close(code);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #onMessage(text: string): void {
    const frame: unknown = JSON.parse(text);
    if (!isObject(frame)) return;
    const { type, id } = frame;
    if (type === 'hello') this.#welcome(frame);
    else if (type === 'call') this.#onCall(frame);
    else if (type === 'ping') this.#send({ type: 'pong', t: frame['t'] });
    else if (type === 'cancel' && typeof id === 'string') this.#onCancel(id);
  }

  #welcome(hello: Record<string, unknown>): void {
    const { timeScale = 1, token, maxQueued = 50, isSimulator = true } = this.#shared.options;
    if (token !== undefined && hello['token'] !== token) {
      this.#send({ type: 'error', error: { code: 'UNAUTHENTICATED', message: 'wrong token', retryable: false } });
      this.#socket.close(4401);
      return;
    }
    this.#send({
      type: 'welcome',
      version: PROTOCOL,
      server: { name: 'exai-loadtest stub', version: '1' },
      sessionId: this.#name,
      resumeToken: this.#name,
      resumed: false,
      lastSeq: 0,
      limits: {
        maxMessageBytes: 1_048_576,
        maxInFlight: this.#shared.options.limits?.session ?? 2,
        maxQueued,
        heartbeatMs: 30_000,
        resumeWindowMs: 0,
        maxDeadlineMs: 3_600_000,
      },
      ...(isSimulator && { simulator: { timeScale, providers: ['glm', 'kimi'] } }),
    });
  }

  #onCall(frame: Record<string, unknown>): void {
    const { options, permits, state, clock } = this.#shared;
    const args = isObject(frame['arguments']) ? frame['arguments'] : {};
    const call: StubCall = {
      id: textOf(frame['id'], ''),
      tool: textOf(frame['tool'], ''),
      provider: textOf(args['provider'], 'glm'),
      serviceMs: serviceOf(args) ?? options.serviceMs ?? 20,
      deadlineMs: typeof frame['deadlineMs'] === 'number' ? frame['deadlineMs'] : 60_000,
      arrivedAt: clock.now(),
      queuedMs: 0,
      holdsPermit: false,
      withdraw: () => undefined,
      timers: [],
    };
    this.#calls.set(call.id, call);
    if (this.#misbehaves(call)) return;
    if (permits.waitingOf(this.#name) >= (options.maxQueued ?? 50)) {
      this.#fail(call, 'OVER_CAPACITY', 20);
      return;
    }
    this.#sendNumbered({ type: 'accepted', id: call.id, state: 'queued' });
    this.#at(call, call.deadlineMs, () => this.#fail(call, 'DEADLINE_EXCEEDED'));
    if (state.mode === 'hang') return;
    if (state.mode === 'no_permits') this.#work(call);
    else
      call.withdraw = permits.ask({
        session: this.#name,
        provider: call.provider,
        grant: (ms) => this.#start(call, ms),
      });
  }

  /** True when the mode has already decided what becomes of the call. */
  #misbehaves(call: StubCall): boolean {
    switch (this.#shared.state.mode) {
      case 'refuse':
        this.#fail(call, 'OVER_CAPACITY', 20);
        return true;
      case 'error':
        this.#fail(call, 'PROVIDER_ERROR');
        return true;
      case 'silent':
        return true;
      case 'hang':
        this.#sendNumbered({ type: 'accepted', id: call.id, state: 'running' });
        return true;
      case 'timeout':
        this.#sendNumbered({ type: 'accepted', id: call.id, state: 'running' });
        this.#at(call, call.deadlineMs, () => this.#fail(call, 'DEADLINE_EXCEEDED'));
        return true;
      case 'close':
        this.#at(call, 5, () => this.#socket.close(1011));
        return true;
      case 'garbage':
        this.#socket.send('this is not JSON');
        return true;
      case 'late_reply':
        this.#at(call, call.deadlineMs + (this.#shared.options.lateByMs ?? LATE_BY_MS), () => this.#answer(call));
        return true;
      case 'none':
      case 'double_reply':
      case 'stopped':
      case 'no_permits':
        return false;
    }
    return false;
  }

  #start(call: StubCall, queuedMs: number): void {
    call.holdsPermit = true;
    call.queuedMs = queuedMs;
    this.#work(call);
  }

  #work(call: StubCall): void {
    const { pieces = 2 } = this.#shared.options;
    for (let index = 0; index < pieces; index += 1) {
      this.#at(call, (call.serviceMs * (index + 1)) / (pieces + 1), () =>
        this.#sendNumbered({ type: 'chunk', id: call.id, index, delta: 'four' }),
      );
    }
    this.#at(call, call.serviceMs, () => this.#answer(call));
  }

  #answer(call: StubCall): void {
    const { options, state } = this.#shared;
    const { mode } = state;
    this.#end(call);
    const frame = {
      type: 'result',
      id: call.id,
      content: [{ type: 'text', text: 'done' }],
      timing: { queuedMs: call.queuedMs, runMs: call.serviceMs },
      ...(options.usage && { usage: options.usage }),
      ...(mode === 'stopped' && { stop: { kind: 'no_progress' } }),
    };
    this.#sendNumbered(frame);
    if (mode === 'double_reply') this.#sendNumbered(frame);
  }

  #fail(call: StubCall, code: string, retryAfterMs?: number): void {
    this.#end(call);
    const retryable = retryAfterMs !== undefined;
    this.#sendNumbered({
      type: 'error',
      id: call.id,
      error: { code, message: `the stub was told to: ${code}`, retryable, ...(retryable && { retryAfterMs }) },
    });
  }

  #onCancel(id: string): void {
    const call = this.#calls.get(id);
    if (call && this.#shared.state.mode !== 'late_reply') this.#fail(call, 'CANCELLED');
  }

  #end(call: StubCall): void {
    const { tool, arrivedAt } = call;
    noteServed(this.#shared, { tool, arrivedAt, answeredAt: this.#shared.clock.now() });
    this.#forget(call);
  }

  #forget(call: StubCall): void {
    this.#calls.delete(call.id);
    call.withdraw();
    for (const cancel of call.timers) cancel();
    if (!call.holdsPermit) return;
    call.holdsPermit = false;
    this.#shared.permits.release(this.#name, call.provider);
  }

  #at(call: StubCall, ms: number, work: () => void): void {
    const { clock } = this.#shared;
    call.timers.push(clock.at(clock.now() + ms, work));
  }

  #sendNumbered(frame: object): void {
    this.#seq += 1;
    this.#send({ seq: this.#seq, ...frame });
  }

  #send(frame: object): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(frame));
  }
}
