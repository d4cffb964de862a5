import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  isLegacyRequest,
  type McpHandlerRequestOptions,
  type McpHttpHandler,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

import { CallError } from '../calls/call-error.ts';
import type { CallService } from '../calls/call-service.ts';
import type { Authenticator, Identity } from '../http/authenticator.ts';
import { refuse, type Route, sendJson } from '../http/http-endpoint.ts';
import { readBody } from '../http/read-body.ts';
import { type Session, randomHandle } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { findTrouble } from '../ws/read-frame.ts';

import { createMcpServer } from './create-mcp-server.ts';
import { LegacyLeg } from './legacy-leg.ts';
import { McpSessions } from './mcp-sessions.ts';
import { serviceCaller } from './service-caller.ts';
import type { ListedTool } from './tool-listing.ts';

/** What the endpoint works with. */
export interface McpEndpointParts {
  readonly service: CallService;
  readonly sessions: SessionRegistry;
  readonly authenticator: Authenticator;
  readonly tools: readonly ListedTool[];
  readonly limits: { readonly maxMessageBytes: number; readonly maxJsonDepth: number };
}

/** `_meta` key by which a 2026-era client names its session; calls of one name share permits and turns. */
export const SESSION_META_KEY = 'exai/session';

const SessionName = z.string().regex(/^[\x21-\x7e]{1,128}$/);
const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;

/** The part of `AuthInfo` this endpoint fills in and reads back. */
const Caller = z.object({
  clientId: z.string(),
  extra: z.object({ admin: z.boolean(), connection: z.string() }),
});

/**
 * MCP over Streamable HTTP for clients of the 2026 and the 2025 revisions. Host, Origin and method were checked before; the token is
 * checked here for every request. A cancel reaches the work in both eras, and so does the loss of the connection an answer would
 * go to.
 */
export class McpEndpoint {
  readonly route: Route;
  readonly #parts: McpEndpointParts;
  readonly #sessions: McpSessions;
  readonly #modern: McpHttpHandler;
  readonly #legacy: LegacyLeg;
  readonly #connections = new WeakMap<Socket, string>();
  readonly #node: ReturnType<typeof toNodeHandler>;
  #pending = 0;

  constructor(parts: McpEndpointParts) {
    this.#parts = parts;
    const { service, tools } = parts;
    this.#sessions = new McpSessions(parts.sessions, 'mcp');
    this.#modern = createMcpHandler(
      () => createMcpServer({ tools, caller: serviceCaller(service, (context) => this.#sessionOf(context)) }),
      { legacy: 'reject' },
    );
    this.#legacy = new LegacyLeg({
      sessions: this.#sessions,
      createServer: (session) => createMcpServer({ tools, caller: serviceCaller(service, () => session) }),
    });
    this.#node = toNodeHandler({ fetch: (request, options) => this.#fetch(request, options) });
    this.route = {
      methods: ['GET', 'POST', 'DELETE'],
      handle: (request, response, token) => this.#handle(request, response, token),
    };
  }

  /** Sessions of MCP clients over HTTP. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Requests whose answer was not wholly sent. */
  get pending(): number {
    return this.#pending;
  }

  /** Ends all sessions and streams. */
  async close(): Promise<void> {
    this.#legacy.close();
    await this.#modern.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse, token: string | undefined): Promise<void> {
    const identity = this.#identify(request, token);
    if (identity === undefined) {
      refuse(response, { status: 401, message: 'a valid token is needed: Authorization: Bearer …' });
      return;
    }
    const body = request.method === 'POST' ? await this.#readBody(request, response) : undefined;
    if (response.writableEnded || response.destroyed) return;
    const release = this.#legacy.hold(request.headers['mcp-session-id']?.toString());
    if (request.method === 'POST') this.#pending += 1;
    response.once('close', () => {
      release();
      if (request.method === 'POST') this.#pending -= 1;
    });
    const extra = { admin: identity.admin, connection: this.#connectionOf(request.socket) };
    const auth = { token: '', clientId: identity.principal, scopes: [], extra };
    const { method = 'GET', url = '/' } = request;
    await this.#node(Object.assign(request, { auth, method, url }), response, body);
  }

  #identify({ headers }: IncomingMessage, token: string | undefined): Identity | undefined {
    const { authenticator } = this.#parts;
    if (headers.authorization === undefined) return authenticator.identify(undefined);
    return token === undefined ? undefined : authenticator.identify(token);
  }

  /** The parsed body; an unusable one is answered here. */
  async #readBody(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const { maxMessageBytes, maxJsonDepth } = this.#parts.limits;
    if (Number(request.headers['content-length'] ?? 0) > maxMessageBytes) {
      response.setHeader('connection', 'close');
      sendRpcError(response, 413, INVALID_REQUEST, `a body may have at most ${maxMessageBytes} bytes`);
      return undefined;
    }
    const body = await readBody(request, maxMessageBytes);
    if (body === undefined) {
      sendRpcError(response, 400, PARSE_ERROR, `the body must be JSON of at most ${maxMessageBytes} bytes`);
      return undefined;
    }
    const trouble = findTrouble(body, maxJsonDepth);
    if (trouble !== undefined) sendRpcError(response, 400, INVALID_REQUEST, trouble);
    return body;
  }

  async #fetch(request: Request, options: McpHandlerRequestOptions = {}): Promise<Response> {
    const isLegacy = await isLegacyRequest(request, options.parsedBody);
    return isLegacy
      ? this.#legacy.fetch(request, callerOf(options.authInfo), options)
      : this.#modern.fetch(request, options);
  }

  /** The session of a 2026-era call: the one it names, else that of its connection. */
  #sessionOf(context: ServerContext): Session {
    const authInfo = context.http?.authInfo;
    const owner = callerOf(authInfo);
    const name = SessionName.optional().safeParse(context.mcpReq._meta?.[SESSION_META_KEY]);
    if (!name.success) {
      throw new CallError('INVALID_ARGUMENTS', `_meta["${SESSION_META_KEY}"] must be 1 to 128 printable characters`);
    }
    if (name.data !== undefined) return this.#sessions.open(owner, `name ${name.data}`);
    return this.#sessions.open(owner, Caller.parse(authInfo).extra.connection);
  }

  /** A name for a connection; the session of that name ends with it. */
  #connectionOf(socket: Socket): string {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const key = `connection ${randomHandle()}`;
    this.#connections.set(socket, key);
    socket.once('close', () => this.#sessions.end(key));
    return key;
  }
}

function callerOf(authInfo: McpHandlerRequestOptions['authInfo']): Identity {
  const { clientId, extra } = Caller.parse(authInfo);
  return { principal: clientId, admin: extra.admin };
}

function sendRpcError(response: ServerResponse, status: number, code: number, message: string): void {
  sendJson(response, status, { jsonrpc: '2.0', error: { code, message }, id: null });
}
