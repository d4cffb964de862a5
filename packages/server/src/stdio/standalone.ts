import { createServer } from '../compose/create-server.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { McpCaller } from '../mcp/mcp-caller.ts';
import { McpSessions } from '../mcp/mcp-sessions.ts';
import { serviceCaller } from '../mcp/service-caller.ts';

/** A server in this process that listens nowhere: limits hold for this process alone, journals live in memory. */
export async function createStandalone(config: ServerConfig): Promise<{ caller: McpCaller; close(): Promise<void> }> {
  const server = await createServer({ ...config, store: 'memory', audit: false });
  const sessions = new McpSessions(server.sessions, 'stdio');
  const owner = { principal: 'local', admin: false };
  return {
    caller: serviceCaller(server.service, () => sessions.open(owner, 'process')),
    close: () => server.close({ graceMs: 0 }),
  };
}
