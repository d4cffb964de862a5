/** The lower bound: a bare ws server that sends back what it gets. */
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (ws) => ws.on('message', (data: Buffer) => ws.send(data.toString('utf8'))));
server.on('listening', () => {
  const address = server.address();
  process.send?.({ url: `ws://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}` });
});
process.on('message', () => {
  process.send?.({ cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000 });
});
process.on('disconnect', () => process.exit(0));
