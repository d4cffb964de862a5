import type { Cancel, Clock } from './clock.ts';
import type { Connection, Driver } from './driver.ts';

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1000;

/** What a link tells the run that owns it. */
export interface LinkOwner {
  /** Every call in flight on this link is lost to a close with this code. */
  lost(link: SessionLink, code: string): void;
  /** The link is open: what waited can be sent. */
  ready(link: SessionLink): void;
  /** The link will not open again. */
  dead(link: SessionLink): void;
}

/** One session's connection, opened again after it was lost, unless the scenario says otherwise. */
export class SessionLink {
  readonly index: number;
  connection: Connection | undefined;
  /** Set when no further attempt will be made. */
  isDead = false;
  /** Calls sent on the present connection. */
  sent = 0;
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #owner: LinkOwner;
  readonly #reconnect: boolean;
  #ended = false;
  #retry: Cancel | undefined;

  constructor(options: { index: number; driver: Driver; clock: Clock; owner: LinkOwner; reconnect: boolean }) {
    this.index = options.index;
    this.#driver = options.driver;
    this.#clock = options.clock;
    this.#owner = options.owner;
    this.#reconnect = options.reconnect;
  }

  /** Makes one attempt. @throws what the driver throws. */
  async open(): Promise<void> {
    let closedAtOnce = false;
    const connection = await this.#driver.connect(this.index, (code) => {
      closedAtOnce = true;
      this.#onClose(code);
    });
    if (closedAtOnce) return;
    if (this.#ended) {
      await connection.close();
      return;
    }
    this.connection = connection;
    this.sent = 0;
    this.#owner.ready(this);
  }

  /** Goes on trying after a first attempt that failed. */
  retry(): void {
    if (this.connection || this.#ended) return;
    if (this.#reconnect) this.#tryAgain(FIRST_RETRY_MS);
    else this.#die();
  }

  /** Closes the connection on purpose and opens the next one. */
  async renew(): Promise<void> {
    const old = this.connection;
    this.connection = undefined;
    await old?.close();
    if (!this.#ended) this.#tryAgain(FIRST_RETRY_MS);
  }

  /** Ends the link for good. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#retry?.();
    const old = this.connection;
    this.connection = undefined;
    await old?.close();
  }

  #onClose(code: string): void {
    this.connection = undefined;
    if (this.#ended) return;
    this.#owner.lost(this, code);
    if (this.#reconnect) {
      this.#driver.wire.reconnects += 1;
      this.#tryAgain(FIRST_RETRY_MS);
      return;
    }
    this.#die();
  }

  #die(): void {
    this.isDead = true;
    this.#owner.dead(this);
  }

  #tryAgain(nextDelayMs: number): void {
    this.open().catch(() => {
      if (this.#ended) return;
      this.#retry = this.#clock.at(this.#clock.now() + nextDelayMs, () =>
        this.#tryAgain(Math.min(LONGEST_RETRY_MS, nextDelayMs * 2)),
      );
    });
  }
}
