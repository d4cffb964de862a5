import { once } from 'node:events';

import { WebSocket } from 'ws';

/** How one call ended. */
export interface Ended {
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly queuedMs: number;
  readonly tookMs: number;
  /** What the tool says it took, without its wait at the door. */
  readonly ranMs: number;
}

/** As `ExaiClient` does it. */
const ACK_EVERY = 64;

/** A client as cheap as can be: no parsing beyond what a measurement needs. */
export class BenchClient {
  readonly ws: WebSocket;
  readonly #waiting = new Map<string, { since: number; resolve: (ended: Ended) => void }>();
  #count = 0;
  #frames = 0;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data: Buffer) => this.#hear(data.toString('utf8')));
    ws.on('close', () => {
      for (const { resolve } of this.#waiting.values())
        resolve({ ok: false, code: 'CLOSED', queuedMs: 0, tookMs: 0, ranMs: 0 });
    });
  }

  /** Opens a session. */
  static async open(url: string): Promise<BenchClient> {
    const ws = new WebSocket(url, 'exai.v1', { perMessageDeflate: false });
    const client = new BenchClient(ws);
    await once(ws, 'open');
    ws.send(JSON.stringify({ type: 'hello', version: 'exai.v1', client: { name: 'bench', version: '1' } }));
    await once(ws, 'message');
    return client;
  }

  call(
    tool: string,
    args: Readonly<Record<string, unknown>> = {},
    extra: Readonly<Record<string, unknown>> = {},
  ): Promise<Ended> {
    const id = `c${(this.#count += 1)}`;
    const ended = new Promise<Ended>((resolve) => this.#waiting.set(id, { since: performance.now(), resolve }));
    this.ws.send(JSON.stringify({ type: 'call', id, tool, arguments: args, stream: false, ...extra }));
    return ended;
  }

  async close(): Promise<void> {
    this.ws.close(1000);
    await once(this.ws, 'close');
  }

  #hear(text: string): void {
    // Each numbered frame has its number at its end.
    if (/"seq":\d+}$/.test(text) && (this.#frames += 1) % ACK_EVERY === 0) {
      this.ws.send(JSON.stringify({ type: 'ack', seq: this.#frames }));
    }
    if (!text.includes('"type":"result"') && !text.includes('"type":"error"')) return;
    const frame = JSON.parse(text);
    const waiting = this.#waiting.get(frame.id);
    if (waiting === undefined) return;
    this.#waiting.delete(frame.id);
    const tookMs = performance.now() - waiting.since;
    waiting.resolve({
      ok: frame.type === 'result' && (frame.stop === undefined || frame.stop.kind === 'complete'),
      code: frame.error?.code ?? frame.stop?.kind,
      message: frame.error?.message,
      queuedMs: frame.timing?.queuedMs ?? 0,
      tookMs,
      ranMs: frame.structured?.ranMs ?? tookMs,
    });
  }
}
