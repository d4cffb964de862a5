/** The lower bound: a bare ws server that sends back what it gets. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (ws) => ws.on('message', (data: Buffer) => ws.send(data.toString('utf8'))));
server.on('listening', () => {
  const address = server.address();
  process.send?.({ url: `ws://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}` });
});
const lag = monitorEventLoopDelay({ resolution: 10 });
lag.enable();
process.on('message', (ask: string) => {
  if (ask === 'lag-reset') lag.reset();
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1000, lagP99Ms: Math.max(0, lag.percentile(99) / 1e6 - 10) });
});
process.on('disconnect', () => process.exit(0));
