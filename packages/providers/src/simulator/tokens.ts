/** Characters per token in prose of letters; ideographs count one each. */
const LETTERS_PER_TOKEN = 4;

/** Estimates the tokens of a text, as both providers' tokenizers roughly do. */
export function estimateTokens(text: string): number {
  const ideographs = text.match(/[\u3000-\u9fff\uf900-\ufaff\uff00-\uffef]/g)?.length ?? 0;
  return ideographs + Math.ceil((text.length - ideographs) / LETTERS_PER_TOKEN);
}

/** The longest beginning of a text that has at most so many tokens. */
export function firstTokens(text: string, most: number): string {
  if (estimateTokens(text) <= most) return text;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (estimateTokens(text.slice(0, middle)) <= most) low = middle;
    else high = middle - 1;
  }
  // Never half a surrogate pair.
  return text.slice(0, low).replace(/[\uD800-\uDBFF]$/, '');
}

/** Cuts a text into pieces of about one token or more, at most `most` pieces, which joined give the text again. */
export function cutText(text: string, most: number): string[] {
  if (text === '') return [];
  const letters = Math.max(LETTERS_PER_TOKEN, Math.ceil(text.length / most));
  const pieces: string[] = [];
  // By code points, so that no surrogate pair is torn apart.
  let piece = '';
  for (const letter of text) {
    piece += letter;
    if (piece.length >= letters) {
      pieces.push(piece);
      piece = '';
    }
  }
  if (piece !== '') pieces.push(piece);
  return pieces;
}
