import { isLoopback } from '../config/check-combinations.ts';

/** The server a bridge forwards to. */
export interface ServerTarget {
  readonly wsUrl: string;
  readonly healthUrl: string;
  /** Whether it would be on this machine, and so may be started. */
  readonly local: boolean;
}

/** Where a bridge is to look for its server. */
export interface TargetAddress {
  readonly host: string;
  readonly port: number;
  /** Speaks to another machine without TLS, which shows it the token and everything else. */
  readonly allowPlaintext?: boolean;
}

/** The server at a host and port: on this machine without TLS, on another with it. */
export function serverTarget({ host, port, allowPlaintext = false }: TargetAddress): ServerTarget {
  const local = isLoopback(host);
  const secure = local || allowPlaintext ? '' : 's';
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { wsUrl: `ws${secure}://${authority}/ws`, healthUrl: `http${secure}://${authority}/healthz`, local };
}
