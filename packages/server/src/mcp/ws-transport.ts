import { type JSONRPCMessage, parseJSONRPCMessage, type Transport } from '@modelcontextprotocol/server';
import type { WebSocket } from 'ws';

import { TokenBucket } from '../http/token-bucket.ts';
import { CloseCode } from '../protocol/index.ts';
import { findTrouble } from '../ws/read-frame.ts';

/** Limits of {@link WsTransport}; bytes. */
export interface WsTransportLimits {
  readonly maxJsonDepth: number;
  readonly highWaterBytes: number;
  readonly messagesPerSecond: number;
}

const BURST_SECONDS = 2;

/** MCP messages over one WebSocket, one JSON text each. A client that sends no MCP, or does not read, is cut off. */
export class WsTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage) => void) | undefined;
  readonly #ws: WebSocket;
  readonly #limits: WsTransportLimits;
  readonly #messages: TokenBucket;
  #resumeReading: NodeJS.Timeout | undefined;

  constructor(ws: WebSocket, limits: WsTransportLimits) {
    this.#ws = ws;
    this.#limits = limits;
    this.#messages = new TokenBucket(limits.messagesPerSecond, limits.messagesPerSecond * BURST_SECONDS);
  }

  start(): Promise<void> {
    this.#ws.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    this.#ws.on('error', (error) => this.onerror?.(error));
    this.#ws.once('close', () => {
      clearTimeout(this.#resumeReading);
      this.onclose?.();
    });
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (this.#ws.bufferedAmount >= this.#limits.highWaterBytes) {
      this.#ws.terminate();
      return Promise.reject(new Error('the client does not read what it is sent'));
    }
    return new Promise((resolve, reject) => {
      this.#ws.send(JSON.stringify(message), (error) => (error == null ? resolve() : reject(error)));
    });
  }

  close(): Promise<void> {
    this.#ws.close(CloseCode.NORMAL);
    return Promise.resolve();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (isBinary) {
      this.#ws.close(CloseCode.UNSUPPORTED_DATA, 'text frames only');
      return;
    }
    this.#throttle();
    let message: JSONRPCMessage;
    try {
      const value: unknown = JSON.parse(data.toString('utf8'));
      const trouble = findTrouble(value, this.#limits.maxJsonDepth);
      if (trouble !== undefined) throw new Error(trouble);
      message = parseJSONRPCMessage(value);
    } catch {
      this.#ws.close(CloseCode.POLICY, 'not a JSON-RPC message');
      return;
    }
    this.onmessage?.(message);
  }

  /** Stops reading for as long as the client is ahead of its rate. */
  #throttle(): void {
    this.#messages.spend(1);
    const waitMs = this.#messages.waitMs();
    if (waitMs === 0 || this.#resumeReading !== undefined) return;
    this.#ws.pause();
    this.#resumeReading = setTimeout(() => {
      this.#resumeReading = undefined;
      this.#ws.resume();
    }, waitMs);
  }
}
