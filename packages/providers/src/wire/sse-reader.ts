import { createParser, type EventSourceParser } from 'eventsource-parser';

/**
 * Turns the bytes of a server-sent event stream into the data of its events.
 *
 * One streaming text decoder for the whole response, so a character split over reads stays whole and a byte order mark
 * is dropped; the last event counts even without its closing blank line.
 */
export class SseReader {
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;

  constructor(onData: (data: string) => void) {
    this.#parser = createParser({ onEvent: (event) => onData(event.data) });
  }

  push(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text !== '') this.#parser.feed(text);
  }

  /** Call once, at the end of the body. */
  end(): void {
    this.#parser.feed(`${this.#decoder.decode()}\n\n`);
  }
}
