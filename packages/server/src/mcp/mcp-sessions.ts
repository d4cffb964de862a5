import type { Transport } from '../events.ts';
import type { Identity } from '../http/authenticator.ts';
import type { Session, SessionLink } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';

/** Settings of one session. */
export interface OpenOptions {
  /** Called when it ended, by whoever. */
  readonly onEnd?: () => void;
}

/**
 * The sessions of MCP clients, by a key of their principal: a connection, a 2025-era session id, or a name the client gives.
 * They count among all sessions, so that the door's promise to every session's first run stays bounded.
 */
export class McpSessions {
  readonly #registry: SessionRegistry;
  readonly #transport: Transport;
  readonly #byKey = new Map<string, Session>();

  constructor(registry: SessionRegistry, transport: Transport) {
    this.#registry = registry;
    this.#transport = transport;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /**
   * The session of a key; begins it when there is none.
   *
   * @throws CallError `OVER_CAPACITY` when there are too many sessions.
   */
  open(owner: Identity, key: string, { onEnd }: OpenOptions = {}): Session {
    const own = `${owner.principal} ${key}`;
    const known = this.#byKey.get(own);
    if (known !== undefined) return known;
    const session = this.#registry.open({ transport: this.#transport, ...owner });
    session.expendable = true;
    this.#byKey.set(own, session);
    const link: SessionLink = {
      pump: () => undefined,
      overrun: () => undefined,
      close: () => {
        if (this.#byKey.get(own) !== session) return;
        this.#byKey.delete(own);
        onEnd?.();
      },
    };
    session.attach(link, { code: 0, reason: '' });
    return session;
  }

  /** Ends the sessions of a key, whoever they belong to: their calls are cancelled. */
  end(key: string): void {
    for (const [own, session] of this.#byKey) if (own.endsWith(` ${key}`)) this.#registry.end(session, 'closed');
  }
}
