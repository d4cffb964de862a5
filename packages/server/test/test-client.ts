import { once } from 'node:events';

import { WebSocket } from 'ws';

export type Frame = Record<string, any> & { type: string };

export interface ClientOptions {
  readonly token?: string;
  readonly hello?: boolean;
  readonly headers?: Record<string, string>;
  readonly resume?: { sessionId: string; resumeToken: string; lastSeq: number };
}

/** A client that sees every frame, for tests: it hides nothing and repairs nothing. */
export class TestClient {
  readonly frames: Frame[] = [];
  readonly ws: WebSocket;
  closeCode: number | undefined;
  readonly #waiting = new Set<() => void>();

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString('utf8')));
      for (const wake of this.#waiting) wake();
    });
    ws.on('close', (code) => {
      this.closeCode = code;
      for (const wake of this.#waiting) wake();
    });
    ws.on('error', () => undefined);
  }

  static async connect(url: string, options: ClientOptions = {}): Promise<TestClient> {
    const ws = new WebSocket(url, 'exai.v1', { headers: options.headers ?? {} });
    const client = new TestClient(ws);
    await once(ws, 'open');
    if (options.hello !== false) {
      client.hello(options);
      await client.next('welcome');
    }
    return client;
  }

  hello({ token, resume }: ClientOptions = {}): void {
    this.send({
      type: 'hello',
      version: 'exai.v1',
      client: { name: 'test', version: '1' },
      ...(token === undefined ? {} : { token }),
      ...(resume === undefined ? {} : { resume }),
    });
  }

  get welcome(): Frame {
    return this.of('welcome').at(-1)!;
  }

  get lastSeq(): number {
    return Math.max(0, ...this.frames.map((frame) => frame['seq'] ?? 0));
  }

  send(frame: unknown): void {
    this.ws.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  call(id: string, tool: string, args: Record<string, unknown> = {}, extra: Record<string, unknown> = {}): void {
    this.send({ type: 'call', id, tool, arguments: args, ...extra });
  }

  of(type: string, id?: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type && (id === undefined || frame['id'] === id));
  }

  /** Terminal frames of one call. */
  ends(id: string): Frame[] {
    return this.frames.filter((frame) => (frame.type === 'result' || frame.type === 'error') && frame['id'] === id);
  }

  next(type: string, id?: string): Promise<Frame> {
    return this.until(() => this.of(type, id)[0], `${type} ${id ?? ''}`);
  }

  end(id: string, ms?: number): Promise<Frame> {
    return this.until(() => this.ends(id)[0], `the end of ${id}`, ms);
  }

  async until<T>(find: () => T | undefined, what: string, ms = 15_000): Promise<T> {
    const endsAt = Date.now() + ms;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (Date.now() > endsAt || (this.closeCode !== undefined && !what.startsWith('close'))) {
        throw new Error(
          `${what} did not come (closed: ${this.closeCode}); got ${JSON.stringify(this.frames.slice(-5))}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(wake, 50);
        const waiting = this.#waiting;
        function wake(): void {
          clearTimeout(timer);
          waiting.delete(wake);
          resolve();
        }
        waiting.add(wake);
      });
    }
  }

  closed(): Promise<number> {
    return this.until(() => this.closeCode, 'close');
  }

  async close(code = 1000): Promise<void> {
    if (this.closeCode !== undefined) return;
    this.ws.resume();
    this.ws.close(code);
    await this.closed();
  }
}
