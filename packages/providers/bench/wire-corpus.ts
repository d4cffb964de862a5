/** One OpenAI-like chunk as an event. */
function chunk(delta: unknown, more: Record<string, unknown> = {}): string {
  const { finish_reason = null, ...rest } = more;
  const body = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'glm-4.6', ...rest };
  return `data: ${JSON.stringify({ ...body, choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
}

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const WORDS = ['the ', 'answer ', 'lies ', 'in ', 'small ', 'steps, ', '世界 ', 'and ', 'so ', 'on. '];

/** A stream of bytes as a socket delivers it, and what is in it. */
export interface Corpus {
  readonly reads: readonly Uint8Array[];
  readonly chunks: number;
  readonly bytes: number;
  readonly textLength: number;
}

/** `deltas` short text deltas, in reads of `readBytes`. */
export function manyDeltas(deltas: number, readBytes: number): Corpus {
  let text = '';
  let textLength = 0;
  for (let i = 0; i < deltas; i += 1) {
    const word = WORDS[i % WORDS.length] ?? '';
    textLength += word.length;
    text += chunk({ content: word });
  }
  return corpus(text, { chunks: deltas, textLength, readBytes });
}

/** One event with `bytes` characters of text, in reads of `readBytes`. */
export function oneEvent(bytes: number, readBytes: number): Corpus {
  return corpus(chunk({ content: 'x'.repeat(bytes) }), { chunks: 1, textLength: bytes, readBytes });
}

function corpus(body: string, shape: { chunks: number; textLength: number; readBytes: number }): Corpus {
  const whole = new TextEncoder().encode(
    `${body}${chunk({}, { finish_reason: 'stop', usage: USAGE })}data: [DONE]\n\n`,
  );
  const reads: Uint8Array[] = [];
  for (let from = 0; from < whole.length; from += shape.readBytes)
    reads.push(whole.subarray(from, from + shape.readBytes));
  return { reads, chunks: shape.chunks, bytes: whole.length, textLength: shape.textLength };
}

/** A fetch that answers with the corpus, read by read. */
export function serving({ reads }: Corpus): typeof fetch {
  return async () => {
    let next = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const read = reads[next];
        next += 1;
        if (read === undefined) controller.close();
        else controller.enqueue(read);
      },
    });
    return new Response(body, { status: 200, headers: { 'content-type': 'text/event-stream' } });
  };
}
