// A server that answers at once or after a known delay and keeps its own log; run as a process of its own.
import { createServer } from 'node:http';

import { WebSocketServer } from 'ws';

import { createStubServer } from '../src/index.ts';

const PERMITS = { global: 5, session: 5, providers: { glm: 5, kimi: 5 } };
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;
let log: { tag: number; arrivedAt: number; answeredAt: number }[] = [];
/** Calls answered over WebSocket. */
let answered = 0;
const ANSWER = JSON.stringify({ content: [{ type: 'text', text: 'done' }], timing: { queuedMs: 0, runMs: 0 } });

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://peer');
  if (url.pathname === '/log') {
    response.end(JSON.stringify(log));
    log = [];
  } else if (url.pathname === '/count') {
    response.end(String(answered));
  } else if (url.pathname === '/stall') {
    response.end('{}');
    const until = performance.now() + Number(url.searchParams.get('ms'));
    setTimeout(() => {
      while (performance.now() < until);
    }, 1);
  } else {
    request.resume();
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(ANSWER);
    });
  }
});

const sockets = new WebSocketServer({ server, perMessageDeflate: false, handleProtocols: () => 'exai.v1' });
sockets.on('connection', (socket) => {
  let seq = 0;
  socket.on('message', (data: Buffer) => {
    const arrivedAt = nowMs();
    const frame = JSON.parse(data.toString()) as {
      type: string;
      id: string;
      arguments?: { simulate?: { serviceMs: number }; tag?: number };
    };
    if (frame.type === 'hello') {
      socket.send(
        JSON.stringify({ type: 'welcome', server: { name: 'peer', version: '1' }, simulator: { timeScale: 1 } }),
      );
      return;
    }
    if (frame.type !== 'call') return;
    const answer = (): void => {
      seq += 1;
      answered += 1;
      socket.send(
        `{"type":"result","seq":${seq},"id":"${frame.id}","content":[{"type":"text","text":"done"}],"timing":{"queuedMs":0,"runMs":0}}`,
      );
      if (log.length < 100_000) log.push({ tag: frame.arguments?.tag ?? -1, arrivedAt, answeredAt: nowMs() });
    };
    const delayMs = frame.arguments?.simulate?.serviceMs ?? 0;
    if (delayMs > 0) setTimeout(answer, delayMs);
    else answer();
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const started = [0, 1].map(() => createStubServer({ limits: PERMITS, healthCheckMs: 0, pieces: 0 }));
const stubs = (await Promise.all(started)).map(({ url, httpUrl }) => ({ url, httpUrl }));
const address = server.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;
process.stdout.write(`${JSON.stringify({ port, stubs })}\n`);
process.on('disconnect', () => process.exit());
