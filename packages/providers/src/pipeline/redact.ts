const HIDDEN = '[redacted]';
/** Shortest run of characters shared with the prompt that is taken for a quotation of it. */
const QUOTE_LENGTH = 24;
/** Shorter secrets cannot be told from ordinary words. */
const SECRET_LENGTH = 6;

/** Removes keys, and whatever a provider quotes from the prompt, from a message. */
export function redact(message: string, secrets: readonly string[], prompts: readonly string[]): string {
  let clean = message;
  for (const secret of secrets) if (secret.length >= SECRET_LENGTH) clean = clean.replaceAll(secret, HIDDEN);
  clean = clean.replaceAll(/\b(sk-[\w*-]{6,}|Bearer\s+[\w.-]{6,})/g, HIDDEN);
  return hideQuotes(clean, prompts);
}

function hideQuotes(message: string, prompts: readonly string[]): string {
  let clean = '';
  let from = 0;
  while (from < message.length) {
    const length = quoteLength(message, from, prompts);
    if (length === 0) {
      clean += message.charAt(from);
      from += 1;
    } else {
      clean += HIDDEN;
      from += length;
    }
  }
  return clean;
}

function quoteLength(message: string, from: number, prompts: readonly string[]): number {
  const start = message.slice(from, from + QUOTE_LENGTH);
  for (const prompt of prompts) {
    if (prompt.length >= SECRET_LENGTH && prompt.length < QUOTE_LENGTH && message.startsWith(prompt, from)) {
      return isWord(prompt) ? 0 : prompt.length;
    }
    if (start.length < QUOTE_LENGTH || !prompt.includes(start)) continue;
    let end = from + QUOTE_LENGTH;
    while (end < message.length && prompt.includes(message.slice(from, end + 1))) end += 1;
    return end - from;
  }
  return 0;
}

/** A prompt of one word is too common to be a quotation. */
function isWord(prompt: string): boolean {
  return /^\w+$/.test(prompt) && prompt.length < SECRET_LENGTH * 2;
}
