import {
  isInitializeRequest,
  type McpHandlerRequestOptions,
  type McpServer,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';

import { toCallError } from '../calls/to-call-error.ts';
import type { Identity } from '../http/authenticator.ts';
import { type Session, randomHandle } from '../sessions/session.ts';

import type { McpSessions } from './mcp-sessions.ts';
import { rpcError } from './rpc-error.ts';

/** What the leg works with. */
export interface LegacyLegParts {
  readonly sessions: McpSessions;
  /** Makes the server of one session. */
  readonly createServer: (session: Session) => McpServer;
}

interface LegacySession {
  readonly owner: Identity;
  readonly session: Session;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** HTTP exchanges under way: a stream that is open, or a call without an answer. */
  exchanges: number;
}

const SESSION_HEADER = 'mcp-session-id';
const NOT_FOUND = -32_001;
const BAD_REQUEST = -32_000;
const FULL = -32_000;

/**
 * Serves clients of the 2025 revisions by sessions: a cancel there is a request of its own, and only a session ties it to the call it
 * is about. A session belongs to its principal, counts among all sessions, ends when it is idle for too long or gives way when there
 * are too many, and with it its transport.
 */
export class LegacyLeg {
  readonly #parts: LegacyLegParts;
  readonly #open = new Map<string, LegacySession>();

  constructor(parts: LegacyLegParts) {
    this.#parts = parts;
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#open.size;
  }

  /** Answers one request of a client whose identity was checked. */
  async fetch(request: Request, owner: Identity, options: McpHandlerRequestOptions): Promise<Response> {
    const id = request.headers.get(SESSION_HEADER);
    if (id !== null) {
      const known = this.#open.get(id);
      if (known === undefined || known.owner.principal !== owner.principal) {
        return rpcError(404, NOT_FOUND, 'there is no such session; initialize a new one');
      }
      known.session.touch();
      return known.transport.handleRequest(request, options);
    }
    if (request.method !== 'POST' || !isInitializeRequest(options.parsedBody)) {
      return rpcError(400, BAD_REQUEST, 'the header Mcp-Session-Id is missing; initialize a session first');
    }
    return this.#initialize(request, owner, options);
  }

  /** Notes an exchange of a session until the returned function is called; a session with none may give way. */
  hold(id: string | undefined): () => void {
    const known = id === undefined ? undefined : this.#open.get(id);
    if (known === undefined) return () => undefined;
    known.exchanges += 1;
    known.session.expendable = false;
    return () => {
      known.exchanges -= 1;
      known.session.expendable = known.exchanges === 0;
      known.session.touch();
    };
  }

  /** Ends all sessions. */
  close(): void {
    for (const id of this.#open.keys()) this.#parts.sessions.end(id);
  }

  async #initialize(request: Request, owner: Identity, options: McpHandlerRequestOptions): Promise<Response> {
    const id = randomHandle();
    try {
      const session = this.#parts.sessions.open(owner, id, { onEnd: () => this.#forget(id) });
      const transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: () => id,
        onsessionclosed: () => this.#parts.sessions.end(id),
      });
      this.#open.set(id, { owner, session, transport, exchanges: 0 });
      await this.#parts.createServer(session).connect(transport);
      const response = await transport.handleRequest(request, options);
      if (!response.ok) this.#parts.sessions.end(id);
      return response;
    } catch (error) {
      const { message, retryAfterMs = 1000 } = toCallError(error);
      const response = rpcError(503, FULL, message);
      response.headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)));
      return response;
    }
  }

  /** Taking it out of the map is not enough: the transport holds streams and the calls behind them. */
  #forget(id: string): void {
    const known = this.#open.get(id);
    this.#open.delete(id);
    void known?.transport.close();
  }
}
