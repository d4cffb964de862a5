import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';

import type { ServerEventHub } from '../events.ts';

const FILE = 'audit.jsonl';
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const MAX_BYTES = 64 * 1024 * 1024;
/** Failed authentications are written at most so often per second; a flood must not fill the disk. */
const MAX_REFUSALS_PER_SECOND = 10;

/**
 * Writes who did what and how it ended as JSON lines, never what was said. At 64 MiB the file becomes `audit.jsonl.1`. A log that
 * cannot be written stops writing and never the server.
 */
export class AuditLog {
  readonly #path: string;
  #stream: WriteStream;
  #bytes: number;
  #second = 0;
  #refusals = 0;

  /** Makes the folder (0700) and the file (0600) where they are missing. */
  constructor(dir: string) {
    mkdirSync(dir, { recursive: true, mode: FOLDER_MODE });
    this.#path = join(dir, FILE);
    this.#bytes = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    this.#stream = this.#open();
  }

  /** Follows a server's events; returns what stops it. */
  watch(events: ServerEventHub): () => void {
    const stops = [
      events.on('sessionStarted', (event) => this.write('sessionStarted', event)),
      events.on('sessionEnded', (event) => this.write('sessionEnded', event)),
      events.on('finished', (event) => this.write('call', event)),
      events.on('shed', (event) => this.write('shed', event)),
      events.on('storeChanged', (event) => this.write('store', event)),
      events.on('accountChanged', (event) => this.write('account', event)),
      events.on('draining', (event) => this.write('draining', event)),
      events.on('refused', (event) => {
        if (this.#mayWriteRefusal()) this.write('refused', event);
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }

  write(what: string, fields: object): void {
    const line = `${JSON.stringify({ at: new Date().toISOString(), what, ...fields })}\n`;
    this.#bytes += line.length;
    if (this.#bytes > MAX_BYTES) this.#rotate(line.length);
    this.#stream.write(line);
  }

  /** Resolves when everything is written. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.once('close', resolve);
      this.#stream.end();
    });
  }

  #open(): WriteStream {
    const stream = createWriteStream(this.#path, { flags: 'a', mode: FILE_MODE });
    stream.on('error', () => stream.destroy());
    return stream;
  }

  #rotate(bytes: number): void {
    this.#stream.end();
    renameSync(this.#path, `${this.#path}.1`);
    this.#stream = this.#open();
    this.#bytes = bytes;
  }

  #mayWriteRefusal(): boolean {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) this.#refusals = 0;
    this.#second = second;
    this.#refusals += 1;
    return this.#refusals <= MAX_REFUSALS_PER_SECOND;
  }
}
