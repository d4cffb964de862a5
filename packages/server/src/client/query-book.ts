import type { ServerFrame } from '../protocol/index.ts';

import type { ProtocolError } from './protocol-error.ts';

/** Questions about the server that wait for their answers. They die with the connection: they are cheap to ask again. */
export class QueryBook {
  readonly #open = new Map<string, { resolve: (frame: ServerFrame) => void; reject: (error: ProtocolError) => void }>();

  /** Notes a question that `send` asks; resolves with the frame of its answer. */
  ask(id: string, send: () => void): Promise<ServerFrame> {
    const answer = new Promise<ServerFrame>((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      send();
    });
    const forget = (): void => void this.#open.delete(id);
    answer.then(forget, forget);
    return answer;
  }

  answer(id: string, frame: ServerFrame): void {
    this.#open.get(id)?.resolve(frame);
  }

  fail(id: string, error: ProtocolError): void {
    this.#open.get(id)?.reject(error);
  }

  failAll(error: ProtocolError): void {
    for (const { reject } of this.#open.values()) reject(error);
  }
}
