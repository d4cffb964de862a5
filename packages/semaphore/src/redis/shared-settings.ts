/** What a process says of the account it shares, checked and complete. */
export interface SharedSettings {
  readonly account: string;
  readonly keyPrefix: string;
  readonly ttlMs: number;
  readonly callTimeoutMs: number;
  readonly unreachable: 'closed' | 'share';
  readonly assumeFresh: boolean;
  /** Another process waits for a pool that this one may keep more of than it uses. */
  readonly onRecall: (pool: string) => void;
}
