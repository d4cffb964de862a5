import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import type { ServerConfig } from '../config/server-config.ts';
import type { Route } from '../http/http-endpoint.ts';

import { McpEndpoint } from './mcp-endpoint.ts';
import { McpWsEndpoint, type McpWsEndpointParts } from './mcp-ws-endpoint.ts';
import { listTools } from './tool-listing.ts';

/** What MCP works with. */
export interface McpParts extends Omit<McpWsEndpointParts, 'tools' | 'limits'> {
  readonly config: ServerConfig;
}

/** Everything a server does for MCP clients on its port: `/mcp` over HTTP, and over WebSocket where that is switched on. */
export class Mcp {
  readonly route: Route;
  readonly #http: McpEndpoint;
  readonly #ws: McpWsEndpoint | undefined;

  constructor(parts: McpParts) {
    const { config } = parts;
    const tools = listTools(config.mcpProfile, parts.service.tools.values());
    this.#http = new McpEndpoint({ ...parts, tools, limits: config });
    this.#ws = config.mcpWebSocket ? new McpWsEndpoint({ ...parts, tools, limits: config }) : undefined;
    this.route = this.#http.route;
  }

  /** HTTP requests whose answer was not wholly sent. */
  get pending(): number {
    return this.#http.pending;
  }

  /** Takes an upgrade to `/mcp`; false when it is another's. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (this.#ws === undefined || request.url?.split('?')[0] !== '/mcp') return false;
    this.#ws.upgrade(request, socket, head);
    return true;
  }

  /** Ends all sessions, streams and sockets. */
  async close(): Promise<void> {
    this.#ws?.close();
    await this.#http.close();
  }
}
