import { WebSocket } from 'ws';

/** Status of a refused upgrade, 101 for an accepted one. */
export function upgrade(url: string, headers: Record<string, string> = {}, protocol = 'exai.v1'): Promise<number> {
  return new Promise((resolve) => {
    const ws = new WebSocket(url, protocol, { headers });
    ws.on('open', () => {
      resolve(101);
      ws.terminate();
    });
    ws.on('unexpected-response', (_, response) => {
      resolve(response.statusCode ?? 0);
      response.resume();
      ws.terminate();
    });
    ws.on('error', () => undefined);
  });
}
