import { LoadTestError } from './load-test-error.ts';
import type { FaultInjector } from './recovery.ts';

/** Where faults are asked for. */
export interface HttpFaultsOptions {
  /** The server's `/admin/faults`. */
  url: string;
  /** The server's admin token. */
  token?: string;
}

const TIMEOUT_MS = 3000;

/** Injects faults through a server that was started with its faults enabled. */
export function httpFaults(options: HttpFaultsOptions): FaultInjector {
  return {
    inject: ({ kind, provider, count = 1, share }) =>
      post(options, {
        kind,
        ...(COUNTED.has(kind) && { count }),
        ...(provider !== undefined && { provider }),
        ...(share !== undefined && { share }),
      }),
    clear: () => post(options, { kind: 'clear' }),
  };
}

const COUNTED: ReadonlySet<string> = new Set(['leak', 'double_release', 'drop_connection']);

async function post({ url, token }: HttpFaultsOptions, ask: object): Promise<void> {
  const { request } = await import('undici');
  const { statusCode, body } = await request(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(ask),
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  const text = await body.text();
  if (statusCode >= 200 && statusCode < 300) return;
  throw new LoadTestError('FAULTS_UNAVAILABLE', `${url} answered ${statusCode}: ${text.slice(0, 200)}`);
}
