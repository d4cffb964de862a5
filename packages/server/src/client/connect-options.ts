import type { Loss } from './reconnect-delay.ts';
import type { SocketClass } from './socket.ts';

/** Settings of {@link connect}. */
export interface ConnectOptions {
  readonly token?: string | undefined;
  /** Shown in the server's view. @defaultValue `exai-client` */
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  /** Folders for the file tools of its sessions. Only a program on the server's machine can make the proof. */
  readonly roots?: { readonly folders: readonly string[]; readonly proof: string } | undefined;
  /** @defaultValue the platform's, else that of `ws` */
  readonly webSocket?: SocketClass | undefined;
  /** Milliseconds to wait before connecting again; nothing gives up. @defaultValue {@link reconnectDelay} */
  readonly delay?: ((loss: Loss) => number | undefined) | undefined;
  /** Longest time for connecting and the welcome, in milliseconds. @defaultValue 10_000 */
  readonly connectTimeoutMs?: number | undefined;
}
