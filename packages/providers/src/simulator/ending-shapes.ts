import { webResults } from './answer.ts';
import { type ShapeWriter, toolPart } from './shape-writer.ts';
import type { Transcript } from './transcript.ts';

const KEEP_ALIVE_MS = 20;

/** The names of these shapes. */
export type EndingShape =
  | 'reasoning-tool'
  | 'reasoning-empty-tool'
  | 'think-only'
  | 'length-empty'
  | 'finish-length'
  | 'orphan-think'
  | 'think-in-code-fence'
  | 'finish-network-error'
  | 'finish-network-error-first'
  | 'finish-sensitive'
  | 'finish-content-filter'
  | 'finish-context-exceeded'
  | 'web-search-chunk'
  | 'web-search-with-text'
  | 'other-model'
  | 'header-hang'
  | 'silence-after-headers'
  | 'keep-alive-hang'
  | 'role-only-hang'
  | 'hang-mid-text'
  | 'keep-alive-mid-reasoning';

/** Shapes of reasoning, of endings, of search results and of time. */
export const ENDING_SHAPES: Readonly<Record<EndingShape, (w: ShapeWriter) => Transcript>> = {
  /** Reasoning, then a tool call. */
  'reasoning-tool': (w) => ({
    parts: [
      w.reasoning('Let me read it.'),
      w.tools(toolPart(0, toolId(w), 'read', '{"path":"up.sh"}')),
      ...w.end('tool_calls'),
    ],
  }),
  /** Empty reasoning, then a tool call. */
  'reasoning-empty-tool': (w) => ({
    parts: [w.reasoning(''), w.tools(toolPart(0, toolId(w), 'read', '{"path":"up.sh"}')), ...w.end('tool_calls')],
  }),
  /** Reasoning and nothing else. */
  'think-only': (w) => ({ parts: [w.reasoning('Let me think.'), ...w.end()] }),
  /** The length limit, reached while reasoning. */
  'length-empty': (w) => ({ parts: [w.reasoning('Let me think.'), ...w.end('length')] }),
  /** The length limit inside the text. */
  'finish-length': (w) => ({ parts: [w.text('Hello wor'), ...w.end('length')] }),
  /** A closing tag of reasoning without the opening one, split over two deltas. */
  'orphan-think': (w) => ({ parts: [w.text('17×24'), w.text('=408</th'), w.text('ink>408'), ...w.end()] }),
  /** The same tag where it belongs to the answer: in a code fence. */
  'think-in-code-fence': (w) => ({ parts: [w.text('```html\n<think>x</th'), w.text('ink>\n```'), ...w.end()] }),
  /** Inference died, content was withheld, the window is full: told by the finish reason alone. */
  'finish-network-error': (w) => ({ parts: [w.text('Hello wor'), ...w.end('network_error')] }),
  'finish-network-error-first': (w) => ({ parts: [...w.end('network_error')] }),
  'finish-sensitive': (w) => ({ parts: [w.text('Hello wor'), ...w.end('sensitive')] }),
  'finish-content-filter': (w) => ({ parts: [w.text('Hello wor'), ...w.end('content_filter')] }),
  'finish-context-exceeded': (w) => ({ parts: [w.text('Hello wor'), ...w.end('model_context_window_exceeded')] }),
  /** Search results on a chunk of their own, before the text. */
  'web-search-chunk': (w) => ({
    parts: [
      w.delta({ role: 'assistant', content: '' }, { web_search: webResults('sky', 2) }),
      w.text('Blue [ref_1].'),
      ...w.end(),
    ],
  }),
  /** Search results beside text in one chunk. */
  'web-search-with-text': (w) => ({
    parts: [w.delta({ content: 'Blue [ref_1].' }, { web_search: webResults('sky', 2) }), ...w.end()],
  }),
  /** Another model answers than was asked. */
  'other-model': (w) => ({
    parts: [{ event: { ...w.chunk({ content: 'Hello world' }), model: 'served-instead' } }, ...w.end()],
  }),
  /** Not even a head is sent. */
  'header-hang': () => ({ parts: [], close: 'hang', holdHead: true }),
  /** The head, then nothing. */
  'silence-after-headers': () => ({ parts: [], close: 'hang' }),
  /** Comments for ever, before anything else. */
  'keep-alive-hang': () => ({ parts: [], close: 'hang', keepAliveMs: KEEP_ALIVE_MS }),
  /** A chunk with the role only, then nothing. */
  'role-only-hang': (w) => ({ parts: [w.delta({ role: 'assistant', content: '' })], close: 'hang' }),
  /** Text, then nothing. */
  'hang-mid-text': (w) => ({ parts: [w.text('Hello wor')], close: 'hang' }),
  /** Reasoning, then comments for ever. */
  'keep-alive-mid-reasoning': (w) => ({ parts: [w.reasoning('Let me')], close: 'hang', keepAliveMs: KEEP_ALIVE_MS }),
};

function toolId(w: ShapeWriter): string {
  return w.call.provider === 'kimi' ? 'functions.read:0' : 'call_0';
}
