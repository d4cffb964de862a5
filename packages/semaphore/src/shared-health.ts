/** One provider of an account whose limits several processes share. */
export interface SharedProvider {
  /** Permits all processes together may hold; below the capacity only under an adaptive limit. */
  readonly limit: number;
  /** Permits all processes together had leased when this one last heard. */
  readonly held: number;
  /** Permits this process has leased. */
  readonly leased: number;
}

/** What a process knows of limits it shares with others. */
export interface SharedHealth {
  /** `degraded` while the last call to the shared store has failed. */
  readonly state: 'connected' | 'degraded';
  /**
   * - `shared`: limits hold for all processes together.
   * - `recovering`: the store has lost what it knew, or may have; nothing is granted until every lease it forgot has ended.
   * - `closed`: the store is unreachable and nothing new is granted.
   * - `share`: the store is unreachable and this process grants its part of the limits by itself.
   */
  readonly mode: 'shared' | 'recovering' | 'closed' | 'share';
  /** Processes that share the account, this one included, when it last heard. */
  readonly processes: number;
  /** Permits the account may hold in all. */
  readonly limit: number;
  /** Permits all processes together had leased when this one last heard. */
  readonly held: number;
  /** Permits this process has leased, in use or not. */
  readonly leased: number;
  readonly providers: Readonly<Record<string, SharedProvider>>;
  /** Why the state is `degraded`. */
  readonly reason?: string;
}
