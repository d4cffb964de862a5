export { connect } from './connect.ts';
export { ProtocolError } from './protocol-error.ts';
export { reconnectDelay } from './reconnect-delay.ts';

export type { ClientEvents } from './client-events.ts';
export type { ConnectOptions } from './connect-options.ts';
export type { ExaiClient } from './exai-client.ts';
export type { CallAnswer, CallOptions, CallProgress } from './pending-call.ts';
export type { Loss } from './reconnect-delay.ts';
export type { Socket, SocketClass } from './socket.ts';
