/** A session as it is written when it begins. Tokens are kept as their hashes only. */
export interface BegunSession {
  readonly id: string;
  readonly principal: string;
  readonly tokenHash: string;
}

/** A call as it is written when it was accepted. */
export interface AcceptedCall {
  readonly session: string;
  readonly id: string;
  /** The frame of the call as JSON. */
  readonly call: string;
  /** Milliseconds left of its deadline. */
  readonly leftMs: number;
  /** Number of the frame that ended it, when it has ended already. */
  readonly endSeq: number | undefined;
}

/** What changed since the last write, in the order in which it is to be written. */
export interface SessionBatch {
  readonly begun: readonly BegunSession[];
  readonly accepted: readonly AcceptedCall[];
  /** Calls that ended with this frame. */
  readonly finished: readonly { readonly session: string; readonly id: string; readonly seq: number }[];
  /** Ends up to this frame need not be kept. */
  readonly acked: readonly { readonly session: string; readonly seq: number }[];
  /** Sessions whose client has shown that it got its newest token. */
  readonly confirmed: readonly string[];
  readonly ended: readonly string[];
}

/** Who wants a session, and the token it is to have from now on. */
export interface TakeAsk {
  readonly id: string;
  readonly principal: string;
  readonly presentedHash: string;
  readonly tokenHash: string;
}

/** A session that was given to this server. */
export interface TakenSession {
  /** One more than before, so that of two that were given the session the later one is known. */
  readonly fence: number;
  /** This server had it before. */
  readonly wasOurs: boolean;
}

/** A call that the client of a session still waits for. */
export interface KeptCall {
  readonly call: string;
  readonly leftMs: number;
}

/**
 * Sessions that several servers share. Each is owned by one server at a time: only its owner's writes have an effect, whoever else
 * writes does so in vain. Every method rejects when the store cannot be reached.
 */
export interface SessionStore {
  /** Makes the tables, or finds that they are there. */
  open(): Promise<void>;
  write(batch: SessionBatch): Promise<void>;
  /**
   * Makes this server the owner and changes the token, in one step. The presented one must be the newest, or the one before while
   * nobody has confirmed the newest; it is the one before from then on. Nothing when there is no such session.
   */
  take(ask: TakeAsk): Promise<TakenSession | undefined>;
  /** The calls of a session that were not ended by a frame up to `afterSeq`; nothing when somebody else has it by now. */
  calls(id: string, fence: number, afterSeq: number): Promise<readonly KeptCall[] | undefined>;
  /** Sessions that other servers took from this one; each is told once. */
  lost(): Promise<readonly { readonly id: string; readonly fence: number }[]>;
  /** Keeps the sessions of this server from expiring, and removes expired ones of servers that are gone. */
  renew(): Promise<void>;
}
