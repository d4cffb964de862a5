import { isLoopback } from '../config/check-combinations.ts';

/** The server a bridge forwards to. */
export interface ServerTarget {
  readonly wsUrl: string;
  readonly healthUrl: string;
  /** Whether it would be on this machine, and so may be started. */
  readonly local: boolean;
}

/** The server at a host and port. */
export function serverTarget({ host, port }: { readonly host: string; readonly port: number }): ServerTarget {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { wsUrl: `ws://${authority}/ws`, healthUrl: `http://${authority}/healthz`, local: isLoopback(host) };
}
