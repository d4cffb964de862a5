import type { ConnectOptions } from './connect-options.ts';
import { ExaiClient } from './exai-client.ts';

/**
 * Opens a session with an EXAI server. It reconnects and resumes by itself, also on another server that shares its sessions; where
 * nobody knows the session any more, it begins a new one and sends unfinished calls again with their idempotency keys.
 *
 * @throws ProtocolError when the first connection fails: `UNAUTHENTICATED`, `OVER_CAPACITY`, `RESUME_FAILED` (not reachable) …
 */
export function connect(url: string, options: ConnectOptions = {}): Promise<ExaiClient> {
  return new ExaiClient(url, options).open();
}
