/** The part of a WebSocket the client uses: the browser's, Node's or the one of `ws`. */
export interface Socket {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  addEventListener(type: 'error', listener: (event: unknown) => void): void;
}

/** Makes a {@link Socket}. */
export type SocketClass = new (url: string, protocols: string) => Socket;

/** The WebSocket of the platform, or of `ws` where there is none (Node 20). */
export async function platformSocket(): Promise<SocketClass> {
  const own: unknown = Reflect.get(globalThis, 'WebSocket');
  if (isSocketClass(own)) return own;
  const { WebSocket } = await import('ws');
  return WebSocket;
}

function isSocketClass(value: unknown): value is SocketClass {
  return typeof value === 'function';
}
