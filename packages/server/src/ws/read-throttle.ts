import type { WebSocket } from 'ws';

import { TokenBucket } from '../http/token-bucket.ts';

/** How fast a client may send. */
export interface ReadRates {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

const BURST_SECONDS = 2;

/** Stops reading for as long as the client is ahead of its rate; what it sent waits in its own socket. */
export class ReadThrottle {
  readonly #ws: WebSocket;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #resumeReading: NodeJS.Timeout | undefined;

  constructor(ws: WebSocket, { messagesPerSecond, bytesPerSecond }: ReadRates) {
    this.#ws = ws;
    this.#messages = new TokenBucket(messagesPerSecond, messagesPerSecond * BURST_SECONDS);
    this.#bytes = new TokenBucket(bytesPerSecond, bytesPerSecond * BURST_SECONDS);
  }

  /** Counts a message that came. */
  spend(bytes: number): void {
    this.#messages.spend(1);
    this.#bytes.spend(bytes);
    if (this.#resumeReading === undefined) this.#waitForRate();
  }

  /** Called once, when the socket is gone. */
  stop(): void {
    clearTimeout(this.#resumeReading);
  }

  #waitForRate(): void {
    const waitMs = Math.max(this.#messages.waitMs(), this.#bytes.waitMs());
    this.#resumeReading = undefined;
    if (waitMs === 0) {
      if (this.#ws.isPaused) this.#ws.resume();
      return;
    }
    this.#ws.pause();
    this.#resumeReading = setTimeout(() => this.#waitForRate(), waitMs);
  }
}
