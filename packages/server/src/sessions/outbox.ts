import type { ServerFrame } from '../protocol/index.ts';

/** A frame of a session before it is numbered. */
export type SessionFrame = Distribute<Extract<ServerFrame, { seq?: number | undefined }>>;
type Distribute<F> = F extends unknown ? Omit<F, 'seq'> : never;

/** How much is kept. */
export interface OutboxLimits {
  readonly entries: number;
  readonly bytes: number;
}

interface Entry {
  /** Kept while more may be joined to it; then its text is enough. */
  frame: SessionFrame | undefined;
  /** Without the number. */
  text: string | undefined;
  bytes: number;
}

const FRAME_OVERHEAD_BYTES = 64;
/** Compacting every time would cost more than the memory it frees. */
const COMPACT_AT = 512;

/**
 * The numbered frames of one session, kept until they are acknowledged, so that a new connection can be sent what an old one
 * missed. The oldest give way when there are too many; {@link canReplayAfter} then says so, so that nothing is lost silently.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  #entries: Entry[] = [];
  #head = 0;
  #firstSeq = 1;
  #sentSeq = 0;
  #bytes = 0;

  /** `afterSeq`: number of the last frame that was sent by somebody else. */
  constructor(limits: OutboxLimits, afterSeq = 0) {
    this.#limits = limits;
    this.#firstSeq = afterSeq + 1;
    this.#sentSeq = afterSeq;
  }

  /** Number of the newest frame; 0 before the first. */
  get lastSeq(): number {
    return this.#firstSeq + this.length - 1;
  }

  /** Every frame up to this number was acknowledged, or had to give way. */
  get goneSeq(): number {
    return this.#firstSeq - 1;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The next frame could make one give way that no connection was handed. One that was sent may go: only a resume needs it. */
  get isFull(): boolean {
    const oldestIsUnsent = this.#firstSeq > this.#sentSeq;
    return (this.length >= this.#limits.entries && oldestIsUnsent) || this.#bytes >= this.#limits.bytes;
  }

  /** Frames that have not been handed to any connection. */
  get unsent(): number {
    return this.lastSeq - this.#sentSeq;
  }

  /**
   * Adds a frame. Text that follows unsent text of the same call is joined to it, unsent progress is replaced by newer, so that a
   * slow reader costs the size of the answer and not the number of pieces. False when a frame nobody was sent had to give way.
   */
  push(frame: SessionFrame): boolean {
    if (this.#merge(frame)) return true;
    const entry = toEntry(frame);
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    let complete = true;
    while (this.length > this.#limits.entries || (this.#bytes > this.#limits.bytes && this.length > 1)) {
      complete = complete && this.#firstSeq <= this.#sentSeq;
      this.#dropHead();
    }
    return complete;
  }

  /** The client has everything up to `seq`. */
  ack(seq: number): void {
    while (this.length > 0 && this.#firstSeq <= Math.min(seq, this.#sentSeq)) this.#dropHead();
  }

  /** Whether every frame after `seq` is still here. */
  canReplayAfter(seq: number): boolean {
    return seq <= this.lastSeq && seq >= this.#firstSeq - 1;
  }

  /** The frame of that number as text, or nothing when it is not here (any more). */
  take(seq: number): string | undefined {
    const entry = this.#entries[this.#head + seq - this.#firstSeq];
    if (seq < this.#firstSeq || entry === undefined) return undefined;
    this.#sentSeq = Math.max(this.#sentSeq, seq);
    entry.text ??= JSON.stringify(entry.frame);
    entry.frame = undefined;
    return `${entry.text.slice(0, -1)},"seq":${seq}}`;
  }

  #merge(frame: SessionFrame): boolean {
    const last = this.#entries.at(-1);
    if (last?.frame === undefined || this.unsent === 0 || this.length === 0) return false;
    if (frame.type === 'chunk' && last.frame.type === 'chunk' && frame.id === last.frame.id) {
      last.frame = { ...last.frame, delta: last.frame.delta + frame.delta };
      last.bytes += frame.delta.length;
      this.#bytes += frame.delta.length;
      return true;
    }
    if (frame.type === 'progress' && last.frame.type === 'progress' && frame.id === last.frame.id) {
      last.frame = frame;
      return true;
    }
    return false;
  }

  #dropHead(): void {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return;
    this.#bytes -= entry.bytes;
    this.#head += 1;
    this.#firstSeq += 1;
    this.#sentSeq = Math.max(this.#sentSeq, this.#firstSeq - 1);
    if (this.#head < COMPACT_AT && this.#head < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}

/** What others may be joined to is counted by its text; everything else is made into what is sent at once. */
function toEntry(frame: SessionFrame): Entry {
  if (frame.type === 'chunk') return { frame, text: undefined, bytes: FRAME_OVERHEAD_BYTES + frame.delta.length };
  if (frame.type === 'progress') return { frame, text: undefined, bytes: 4 * FRAME_OVERHEAD_BYTES };
  const text = JSON.stringify(frame);
  return { frame: undefined, text, bytes: FRAME_OVERHEAD_BYTES + text.length };
}
