import { Failure } from '../chat/failure.ts';
import type { SignedHeaders } from './endpoint.ts';
import type { CommonOptions } from './provider-options.ts';

/**
 * Headers with the caller's key. The key is read when it is needed, so that a changed environment or a rotating key is
 * seen, and it stays inside the function.
 */
export function signRequests(
  options: Pick<CommonOptions, 'apiKey' | 'baseURL' | 'headers'>,
  settings: {
    readonly provider: string;
    readonly environment: readonly string[];
    readonly headers?: Readonly<Record<string, string>> | undefined;
    /** Turns the key into what is sent. */
    readonly toToken?: ((key: string) => Promise<string>) | undefined;
  },
): () => Promise<SignedHeaders> {
  const { apiKey, baseURL, headers = {} } = options;
  return async () => {
    const key = await readKey(apiKey, settings.environment);
    if (key === undefined && baseURL === undefined) throw missingKey(settings.provider, settings.environment);
    const token = key === undefined ? undefined : await (settings.toToken?.(key) ?? key);
    return {
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream, application/json',
        ...settings.headers,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      secrets: [key, token, ...Object.values(headers)].filter((secret) => secret !== undefined),
    };
  };
}

async function readKey(apiKey: CommonOptions['apiKey'], environment: readonly string[]): Promise<string | undefined> {
  if (typeof apiKey === 'function') return notEmpty(await apiKey());
  if (apiKey !== undefined) return notEmpty(apiKey);
  const env = globalThis.process?.env;
  for (const name of environment) {
    const value = notEmpty(env?.[name]);
    if (value !== undefined) return value;
  }
  return undefined;
}

function notEmpty(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

function missingKey(provider: string, environment: readonly string[]): Failure {
  const hint = `pass apiKey or set ${environment.join(' or ')}`;
  return new Failure({ code: 'AUTH', retryable: false, message: `no key for ${provider}`, hint });
}
