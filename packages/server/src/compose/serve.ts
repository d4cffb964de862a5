import { createServer } from './create-server.ts';
import type { ExaiServer, ServerExtras } from './exai-server.ts';
import type { ServerConfigInput } from '../config/server-config.ts';

/** How {@link serve} runs. */
export interface ServeOptions extends ServerExtras {
  /** Called once it listens. */
  readonly onListening?: (server: ExaiServer) => void;
  /** Grace of a drain asked for by Ctrl-C. @defaultValue 2000 */
  readonly interruptGraceMs?: number;
}

const INTERRUPT_GRACE_MS = 2000;

/**
 * Runs a server until it is told to end: SIGTERM drains with the configured grace, Ctrl-C with a short one, a second signal ends
 * at once. Resolves with the exit code.
 */
export async function serve(config: ServerConfigInput, options: ServeOptions = {}): Promise<number> {
  const server = await createServer(config, options);
  server.on('storeChanged', ({ failure }) => console.error(failure ?? 'the store of the journals is well again'));
  server.on('accountChanged', ({ failure }) => console.error(failure ?? 'the shared limits are well again'));
  return new Promise((resolve, reject) => {
    let signals = 0;
    const end = (graceMs: number): void => {
      signals += 1;
      if (signals > 1) {
        resolve(1);
        return;
      }
      server.close({ graceMs }).then(() => resolve(0), reject);
    };
    process.on('SIGINT', () => end(options.interruptGraceMs ?? INTERRUPT_GRACE_MS));
    process.on('SIGTERM', () => end(server.config.drainGraceMs));
    server.listen().then(
      () => options.onListening?.(server),
      (error: unknown) => {
        server.close({ graceMs: 0 }).then(() => reject(error), reject);
      },
    );
  });
}
