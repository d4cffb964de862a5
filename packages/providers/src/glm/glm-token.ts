/** Life of a token in milliseconds, as in the official client. */
const LIFE_MS = 180_000;

/**
 * A short-lived token from an `id.secret` key: JWT, HS256, with times in milliseconds as GLM wants them. A key of another
 * form is sent as it is.
 */
export async function glmToken(key: string, now: number): Promise<string> {
  const [id, secret, more] = key.split('.');
  if (id === undefined || secret === undefined || more !== undefined || secret === '') return key;
  const header = toBase64Url(encode({ alg: 'HS256', sign_type: 'SIGN' }));
  const claims = toBase64Url(encode({ api_key: id, exp: now + LIFE_MS, timestamp: now }));
  const signed = `${header}.${claims}`;
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const signingKey = await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), algorithm, false, ['sign']);
  const signature = await crypto.subtle.sign('HMAC', signingKey, new TextEncoder().encode(signed));
  return `${signed}.${toBase64Url(new Uint8Array(signature))}`;
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function toBase64Url(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
