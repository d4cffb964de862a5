const SECRETS: readonly RegExp[] = [
  /\bsk-[A-Za-z0-9_-]{8,}/g,
  /\bBearer\s+[A-Za-z0-9._~+/=-]{8,}/gi,
  /\b[0-9a-f]{32}\.[A-Za-z0-9]{8,}/g,
  /([?&](?:token|key|api_key|access_token)=)[^&\s]+/gi,
];

/** Replaces what looks like a key or token. */
export function redact(text: string): string {
  let clean = text;
  for (const secret of SECRETS) {
    clean = clean.replace(secret, (_, prefix) => `${typeof prefix === 'string' ? prefix : ''}[redacted]`);
  }
  return clean;
}
