import { parseJson } from '../json-value.ts';
import { heldTail } from '../wire/held-tail.ts';
import { type Guarded, plainText, type TextGuard } from '../wire/text-guard.ts';
import type { ToolPiece } from '../wire/tool-calls.ts';

const MARKERS = [
  '<|tool_calls_section_begin|>',
  '<|tool_call_begin|>',
  // K3 writes channels instead; they are told by their names, whatever attributes follow.
  '<|open|>think',
  '<|open|>response',
  '<|open|>tools',
  '<|open|>call',
  '<|open|>argument',
  '<|close|>response<|sep|>',
  '<|close|>message<|sep|>',
];
/** What K3 ends a whole answer with. */
const TURN_END = /^(?:<\|close\|>(?:response|message)<\|sep\|>\s*)+$/;
const CALL =
  /<\|tool_call_begin\|>\s*((?:functions\.)?([\w.$-]+?)(?::\d+)?)\s*<\|tool_call_argument_begin\|>([\s\S]*?)(?:<\|tool_call_end\|>|(?=<\|tool_call_begin\|>)|(?=<\|tool_calls_section_end\|>)|$)/g;
const SECTION = /<\|tool_calls_section_(?:begin|end)\|>/g;

/**
 * Reads K2's tool calls that a host let through as text; what cannot be read whole makes the answer malformed, as do
 * K3's channels (`<|open|>tools<|sep|><|open|>call tool="…"`). K3's end of turn behind a whole answer is dropped.
 */
export class KimiTextGuard implements TextGuard {
  #held = '';
  #isMarkup = false;

  push = (delta: string): Guarded => {
    // Most text holds no markup at all.
    if (this.#held === '' && !delta.includes('<')) return plainText(delta);
    this.#held += delta;
    return plainText(this.#isMarkup ? '' : this.#takeText());
  };

  end = (): Guarded => {
    if (!this.#isMarkup) return plainText(this.#held);
    if (TURN_END.test(this.#held)) return plainText('');
    const calls = readCalls(this.#held);
    if (calls === undefined)
      return { text: '', reasoning: '', calls: [], broken: 'a tool call came as unreadable text' };
    return { text: '', reasoning: '', calls };
  };

  #takeText(): string {
    const found = MARKERS.map((marker) => this.#held.indexOf(marker)).filter((index) => index >= 0);
    this.#isMarkup = found.length > 0;
    const end = this.#isMarkup ? Math.min(...found) : this.#held.length - heldTail(this.#held, MARKERS);
    const text = this.#held.slice(0, end);
    this.#held = this.#held.slice(end);
    return text;
  }
}

function readCalls(markup: string): ToolPiece[] | undefined {
  const calls: ToolPiece[] = [];
  for (const [, id, name, args = ''] of markup.matchAll(CALL)) {
    if (parseJson(args) === undefined) return undefined;
    calls.push({ index: calls.length, id, name, args: args.trim() });
  }
  const rest = markup.replaceAll(CALL, '').replaceAll(SECTION, '').trim();
  return calls.length > 0 && rest === '' ? calls : undefined;
}
