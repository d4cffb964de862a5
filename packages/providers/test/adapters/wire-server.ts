import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: any;
  /** Resolves when the client closed the connection before the answer ended. */
  readonly closed: Promise<void>;
}

/** Answers one request; called with the number of the request, from 0. */
export type Reply = (response: ServerResponse, request: SeenRequest, n: number) => void | Promise<void>;

/** A server that answers as scripted, on a free port of the loopback interface. */
export interface WireServer {
  readonly url: string;
  readonly seen: SeenRequest[];
  close(): Promise<void>;
}

export async function wireServer(...replies: Reply[]): Promise<WireServer> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const closed = new Promise<void>((resolve) => {
      response.on('close', () => {
        if (!response.writableEnded) resolve();
      });
    });
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      let body: unknown = text;
      try {
        body = JSON.parse(text);
      } catch {
        // Kept as text.
      }
      const one = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body, closed };
      const n = seen.push(one) - 1;
      const reply = replies[Math.min(n, replies.length - 1)];
      void Promise.resolve(reply?.(response, one, n)).catch(() => response.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The text of one event. */
export function event(data: unknown): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

/** A chunk with one delta. */
export function chunk(delta: unknown, more: Record<string, unknown> = {}): string {
  const { finish_reason = null, ...rest } = more;
  return event({ id: 'c1', model: 'm', choices: [{ index: 0, delta, finish_reason }], ...rest });
}

export const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

/** A stream of the given pieces, sent at once and ended. */
export function sse(...pieces: string[]): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of pieces) response.write(piece);
    response.end();
  };
}

/** A whole, good answer. */
export function answer(text: string): Reply {
  return sse(
    chunk({ role: 'assistant', content: text }),
    chunk({}, { finish_reason: 'stop', usage: USAGE }),
    event('[DONE]'),
  );
}

/** A JSON body with a status. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** Keeps the stream open after the pieces. */
export function hang(...pieces: string[]): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    for (const piece of pieces) response.write(piece);
  };
}
