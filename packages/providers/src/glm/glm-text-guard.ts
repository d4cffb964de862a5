import { heldTail } from '../wire/held-tail.ts';
import { type Guarded, plainText, type TextGuard } from '../wire/text-guard.ts';

const THINK = '<think>';
const END_THINK = '</think>';
const BOXES = ['<|begin_of_box|>', '<|end_of_box|>'];
/** Head of an answer that is held back while it may still turn out to be reasoning, in characters. */
const HEAD = 2048;

type Mode = 'start' | 'thinking' | 'head' | 'text';

/**
 * Takes GLM's template markup out of text: box tokens, a leading `<think>` block, and, with `orphans`, reasoning whose
 * opening tag was swallowed (`…</think>answer`), for which up to 2 KB are held back. Tags inside code fences stay.
 */
export class GlmTextGuard implements TextGuard {
  readonly #orphans: boolean;
  #mode: Mode = 'start';
  #held = '';

  constructor(orphans: boolean) {
    this.#orphans = orphans;
  }

  push = (delta: string): Guarded => {
    // Most text holds no markup at all.
    if (this.#mode === 'text' && this.#held === '' && !delta.includes('<')) return plainText(delta);
    this.#held += delta;
    return this.#advance(false);
  };

  end = (): Guarded => this.#advance(true);

  #advance(isEnd: boolean): Guarded {
    let text = '';
    let reasoning = '';
    if (this.#mode === 'start') this.#begin(isEnd);
    if (this.#mode === 'thinking') reasoning += this.#takeUntil(END_THINK, isEnd);
    if (this.#mode === 'head') reasoning += this.#judgeHead(isEnd);
    if (this.#mode === 'text') text += this.#takeText(isEnd);
    return { ...plainText(text), reasoning };
  }

  #begin(isEnd: boolean): void {
    const head = this.#held.trimStart();
    if (head.startsWith(THINK)) {
      this.#held = head.slice(THINK.length);
      this.#mode = 'thinking';
      return;
    }
    if (!isEnd && THINK.startsWith(head)) return;
    this.#mode = this.#orphans ? 'head' : 'text';
  }

  /** The text before `marker`, which is dropped; all but a possible beginning of it while it has not come. */
  #takeUntil(marker: string, isEnd: boolean): string {
    const found = this.#held.indexOf(marker);
    const end = found >= 0 ? found : this.#held.length - (isEnd ? 0 : heldTail(this.#held, [marker]));
    const taken = this.#held.slice(0, end);
    this.#held = this.#held.slice(found >= 0 ? found + marker.length : end);
    if (found >= 0) {
      this.#held = this.#held.trimStart();
      this.#mode = 'text';
    }
    return taken;
  }

  #judgeHead(isEnd: boolean): string {
    const found = this.#held.indexOf(END_THINK);
    if (found >= 0 && !isInCode(this.#held.slice(0, found))) {
      const reasoning = this.#held.slice(0, found);
      this.#held = this.#held.slice(found + END_THINK.length).trimStart();
      this.#mode = 'text';
      return reasoning;
    }
    if (isEnd || found >= 0 || this.#held.length > HEAD) this.#mode = 'text';
    return '';
  }

  #takeText(isEnd: boolean): string {
    let clean = this.#held;
    for (const box of BOXES) clean = clean.replaceAll(box, '');
    const held = isEnd ? 0 : heldTail(clean, BOXES);
    this.#held = held === 0 ? '' : clean.slice(-held);
    return held === 0 ? clean : clean.slice(0, -held);
  }
}

/** True behind an opened code fence or an open inline code span. */
function isInCode(before: string): boolean {
  const fences = before.split('```').length - 1;
  if (fences % 2 === 1) return true;
  const line = before.slice(before.lastIndexOf('\n') + 1).replaceAll('```', '');
  return (line.split('`').length - 1) % 2 === 1;
}
