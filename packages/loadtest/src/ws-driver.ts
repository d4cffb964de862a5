import { PROTOCOL } from '@exai/server/protocol';
import type { RawData, WebSocket } from 'ws';

import {
  noFrames,
  type CallEnd,
  type CallSink,
  type Connection,
  type Driver,
  type PlannedCall,
  type TargetInfo,
  type WireCounters,
} from './driver.ts';
import { isObject } from './json-schema.ts';
import { KeptTexts } from './kept-texts.ts';
import { LoadTestError } from './load-test-error.ts';
import { loadWs } from './load-ws.ts';
import { outcomeOfCode } from './outcome.ts';

/** How to reach a server that speaks `exai.v1`. */
export interface WsOptions {
  url: string;
  /** Sent in `hello`. */
  token?: string;
  /** Longest wait for the socket and its `welcome`, in milliseconds. @defaultValue 5_000 */
  handshakeTimeoutMs?: number;
  /** Longest wait for the closing handshake before the socket is cut, in milliseconds. @defaultValue 1_000 */
  closeTimeoutMs?: number;
  /** Pause before each read, in milliseconds: a slow reader. @defaultValue 0 */
  readDelayMs?: number;
  /** Asks for the answer in pieces. @defaultValue true */
  stream?: boolean;
}

/** Frames after which the server may forget what it keeps for a resume. */
const ACK_EVERY = 64;
/** A token is about four characters of English. */
const CHARS_PER_TOKEN = 4;
const TEXT = { binary: false };
const CLIENT = { name: 'exai-loadtest', version: '1' };

/** Calls tools over WebSocket, one socket per session, answers matched by call id. */
export function ws(options: WsOptions): Driver {
  const wire = noFrames();
  const known: TargetInfo = { kind: 'ws', url: options.url };
  const texts = new KeptTexts((call) => restOfCall(call, options.stream ?? true));
  return {
    kind: 'ws',
    wire,
    info: () => known,
    async connect(session, onClose) {
      const connection = new WsConnection({ options, wire, known, texts, onClose });
      try {
        // Counted once it is known how it went, so that a run that ends meanwhile has no attempt unaccounted for.
        await connection.opened.finally(() => (wire.connectsTried += 1));
      } catch (error) {
        wire.connectsFailed += 1;
        const reason = error instanceof Error ? error.message : String(error);
        throw new LoadTestError('UNREACHABLE', `session ${session} could not connect to ${options.url}: ${reason}`, {
          cause: error,
        });
      }
      wire.connectsOpened += 1;
      return connection;
    },
  };
}

interface Context {
  options: WsOptions;
  wire: WireCounters;
  known: TargetInfo;
  /** What follows the id in the frame of a call. */
  texts: KeptTexts<string>;
  onClose: (code: string) => void;
}

class WsConnection implements Connection {
  readonly opened: Promise<void>;
  readonly #context: Context;
  readonly #socket: WebSocket;
  readonly #sinks = new Map<string, CallSink>();
  /** Calls given up here whose answer may still come. */
  readonly #abandoned = new Set<string>();
  #lastId = 0;
  #received = 0;
  #welcomed = false;
  #closing = false;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(context: Context) {
    this.#context = context;
    const { url, handshakeTimeoutMs: handshakeTimeout = 5000 } = context.options;
    this.#socket = new (loadWs().WebSocket)(url, PROTOCOL, { perMessageDeflate: false, handshakeTimeout });
    this.opened = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    const timer = setTimeout(() => this.#refuse(`no welcome within ${handshakeTimeout} ms`), handshakeTimeout);
    this.#socket.on('open', () => this.#hello());
    this.#socket.on('message', (data) => this.#onMessage(data));
    this.#socket.on('error', (error) => this.#refuse(error.message));
    this.#socket.on('close', (code) => {
      clearTimeout(timer);
      this.#onClosed(code);
    });
    const stopTimer = (): void => clearTimeout(timer);
    this.opened.then(stopTimer, stopTimer);
  }

  send(call: PlannedCall, sink: CallSink): number {
    const handle = (this.#lastId += 1);
    const id = `c${handle}`;
    this.#sinks.set(id, sink);
    this.#send(`{"type":"call","id":"${id}",${this.#context.texts.of(call)}`);
    return handle;
  }

  abandon(handle: number, why: 'timeout' | 'cancelled'): void {
    const id = `c${handle}`;
    if (!this.#sinks.delete(id)) return;
    this.#abandoned.add(id);
    this.#write({ type: 'cancel', id, reason: why });
  }

  async close(): Promise<void> {
    if (this.#closing || this.#socket.readyState === this.#socket.CLOSED) return;
    this.#closing = true;
    this.#socket.resume();
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.close(1000);
    const timer = setTimeout(() => this.#socket.terminate(), this.#context.options.closeTimeoutMs ?? 1000);
    await closed;
    clearTimeout(timer);
  }

  #write(frame: object): void {
    this.#send(JSON.stringify(frame));
  }

  #send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#context.wire.framesSent += 1;
    // Bytes are masked into one buffer and written at once; a string would go out in two pieces.
    this.#socket.send(Buffer.from(text), TEXT);
  }

  #hello(): void {
    const { token } = this.#context.options;
    this.#write({ type: 'hello', version: PROTOCOL, client: CLIENT, ...(token !== undefined && { token }) });
  }

  #refuse(message: string): void {
    this.#settle?.reject(new Error(message));
    this.#settle = undefined;
    if (!this.#welcomed) this.#socket.terminate();
  }

  #onClosed(code: number): void {
    this.#settle?.reject(new Error(`the server closed the connection with code ${code}`));
    this.#settle = undefined;
    if (this.#closing || !this.#welcomed) return;
    const name = String(code);
    const { closedByCode } = this.#context.wire;
    closedByCode[name] = (closedByCode[name] ?? 0) + 1;
    this.#sinks.clear();
    this.#context.onClose(name);
  }

  #onMessage(data: RawData): void {
    const { options, wire } = this.#context;
    wire.framesReceived += 1;
    if (options.readDelayMs) this.#readSlowly(options.readDelayMs);
    const frame = parse(data);
    if (!isObject(frame)) {
      wire.malformed += 1;
      return;
    }
    if (typeof frame['seq'] === 'number') this.#acknowledge(frame['seq']);
    const id = frame['id'];
    if (typeof id === 'string') this.#onCallFrame(id, frame);
    else this.#onSessionFrame(frame);
  }

  #readSlowly(ms: number): void {
    this.#socket.pause();
    setTimeout(() => this.#socket.resume(), ms);
  }

  #acknowledge(seq: number): void {
    this.#received += 1;
    if (this.#received % ACK_EVERY === 0) this.#write({ type: 'ack', seq });
  }

  #onSessionFrame(frame: Record<string, unknown>): void {
    if (frame['type'] === 'welcome') {
      this.#welcomed = true;
      learn(this.#context.known, frame);
      this.#settle?.resolve();
      this.#settle = undefined;
      return;
    }
    if (frame['type'] === 'error') {
      const { code, message } = errorOf(frame);
      this.#refuse(`${code}: ${message}`);
    }
  }

  #onCallFrame(id: string, frame: Record<string, unknown>): void {
    const sink = this.#sinks.get(id);
    const { type } = frame;
    const isEnd = type === 'result' || type === 'error';
    if (sink === undefined) {
      this.#onStray(id, isEnd);
      return;
    }
    if (isEnd) {
      this.#sinks.delete(id);
      sink.end(type === 'result' ? endOfResult(frame) : endOfError(frame));
      return;
    }
    if (type === 'chunk') sink.piece(typeof frame['delta'] === 'string' ? frame['delta'].length / CHARS_PER_TOKEN : 0);
    else sink.event();
  }

  #onStray(id: string, isEnd: boolean): void {
    const { wire } = this.#context;
    const number = Number(id.slice(1));
    const wasMade = id.startsWith('c') && Number.isInteger(number) && number >= 1 && number <= this.#lastId;
    if (!wasMade) wire.unsolicited += 1;
    else if (!isEnd) return;
    else if (this.#abandoned.delete(id)) wire.late += 1;
    else wire.duplicate += 1;
  }
}

function restOfCall({ tool, arguments: given, deadlineMs }: PlannedCall, stream: boolean): string {
  return JSON.stringify({ tool, arguments: given, deadlineMs: Math.max(1, Math.round(deadlineMs)), stream }).slice(1);
}

function parse(data: RawData): unknown {
  try {
    // ws hands out Buffers for text messages unless told otherwise.
    return JSON.parse(Buffer.isBuffer(data) ? data.toString('utf8') : '');
  } catch {
    return undefined;
  }
}

function learn(known: TargetInfo, welcome: Record<string, unknown>): void {
  const { server, simulator } = welcome;
  if (isObject(server)) known.server = `${String(server['name'])} ${String(server['version'])}`;
  if (isObject(simulator) && typeof simulator['timeScale'] === 'number') {
    known.simulatorTimeScale = simulator['timeScale'];
  }
}

function endOfResult(frame: Record<string, unknown>): CallEnd {
  const { stop, timing, usage } = frame;
  const end: CallEnd = { outcome: 'ok' };
  if (isObject(timing) && typeof timing['queuedMs'] === 'number') end.queuedMs = timing['queuedMs'];
  if (isObject(usage) && typeof usage['totalTokens'] === 'number') end.tokens = usage['totalTokens'];
  if (isObject(usage) && typeof usage['costUsd'] === 'number') end.usd = usage['costUsd'];
  if (!Array.isArray(frame['content'])) return { ...end, outcome: 'protocol_error', code: 'NO_CONTENT' };
  const kind = isObject(stop) && typeof stop['kind'] === 'string' ? stop['kind'] : 'complete';
  return kind === 'complete' ? end : { ...end, outcome: 'stopped', code: kind };
}

function endOfError(frame: Record<string, unknown>): CallEnd {
  const { code, retryAfterMs } = errorOf(frame);
  return { outcome: outcomeOfCode(code), code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

function errorOf(frame: Record<string, unknown>): { code: string; message: string; retryAfterMs: number | undefined } {
  const error = isObject(frame['error']) ? frame['error'] : {};
  const { code, message, retryAfterMs } = error;
  return {
    code: typeof code === 'string' ? code : 'NO_CODE',
    message: typeof message === 'string' ? message : 'no message',
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  };
}
