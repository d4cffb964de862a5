/** The three tiers a call passes: all calls, the calls to one provider, the calls of one session. */
export type Tier = 'global' | 'provider' | 'session';

/** How the covered work ended. `overload` lowers an adaptive limit, `ok` may raise it, `ignore` says nothing. */
export type Outcome = 'ok' | 'ignore' | 'overload';
