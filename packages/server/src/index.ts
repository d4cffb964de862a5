export { CallError } from './calls/call-error.ts';
export { ConfigError } from './config/config-error.ts';
export { loadConfig, unknownVariables } from './config/load-config.ts';
export { createServer } from './compose/create-server.ts';
export { describeServer } from './compose/describe-server.ts';
export { serve } from './compose/serve.ts';
export { VERSION } from './version.ts';

export type { CallAsk, CallEvent, CallHandle, CallResult } from './calls/call-ask.ts';
export type { CallService } from './calls/call-service.ts';
export type { Tool, ToolContext, ToolEvent, ToolResult } from './calls/tool.ts';
export type { ExaiServer, ServerExtras, ServerStats } from './compose/exai-server.ts';
export type { ServeOptions } from './compose/serve.ts';
export type { Environment } from './config/load-config.ts';
export type { ServerConfig, ServerConfigInput } from './config/server-config.ts';
export type { CallOutcome, ServerEvents, Transport } from './events.ts';
