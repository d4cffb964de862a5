import { type ShapeWriter, toolPart } from './shape-writer.ts';
import type { Transcript } from './transcript.ts';

/** Ids in the form of the dialect. */
function id(w: ShapeWriter, n: number): string {
  return w.call.provider === 'kimi' ? `functions.read:${n}` : `call_${n}`;
}

const HALF_A = '{"path": "up';
const HALF_B = '.sh"}';

/** The names of these shapes. */
export type ToolShape =
  | 'tool-plain'
  | 'tool-no-index'
  | 'tool-empty-continuation'
  | 'tool-late-id'
  | 'tool-same-index'
  | 'tool-interleaved'
  | 'tool-object-args'
  | 'tool-double-encoded-args'
  | 'tool-with-finish'
  | 'tool-zero-args'
  | 'tool-early-valid-json'
  | 'eof-mid-tool-args'
  | 'tool-arg-key-leak'
  | 'tool-marker-leak'
  | 'tool-no-name'
  | 'tool-buffered-args';

/** Shapes of tool calls, each of `read`, mostly with `{"path": "up.sh"}`. */
export const TOOL_SHAPES: Readonly<Record<ToolShape, (w: ShapeWriter) => Transcript>> = {
  /** As documented: name first, arguments in pieces. */
  'tool-plain': (w) => ({
    parts: [
      w.tools(toolPart(0, id(w, 0), 'read', '')),
      w.tools({ index: 0, function: { arguments: HALF_A } }),
      w.tools({ index: 0, function: { arguments: HALF_B } }),
      ...w.end('tool_calls'),
    ],
  }),
  /** No `index` on any delta. */
  'tool-no-index': (w) => ({
    parts: [
      w.tools(toolPart(undefined, id(w, 0), 'read', HALF_A)),
      w.tools({ function: { arguments: HALF_B } }),
      ...w.end('tool_calls'),
    ],
  }),
  /** Continuations carry an empty id and an empty name. */
  'tool-empty-continuation': (w) => ({
    parts: [
      w.tools(toolPart(0, id(w, 0), 'read', HALF_A)),
      w.tools(toolPart(0, '', '', HALF_B)),
      ...w.end('tool_calls'),
    ],
  }),
  /** The first delta has an empty id, the second brings it. */
  'tool-late-id': (w) => ({
    parts: [
      w.tools(toolPart(0, '', 'read', HALF_A)),
      w.tools(toolPart(0, id(w, 0), '', HALF_B)),
      ...w.end('tool_calls'),
    ],
  }),
  /** Two calls with different ids on the same index. */
  'tool-same-index': (w) => ({
    parts: [
      w.tools(toolPart(0, id(w, 0), 'read', '{"path":"a"}')),
      w.tools(toolPart(0, id(w, 1), 'read', '{"path":"b"}')),
      ...w.end('tool_calls'),
    ],
  }),
  /** Two calls whose pieces alternate. */
  'tool-interleaved': (w) => ({
    parts: [
      w.tools(toolPart(0, id(w, 0), 'read', '{"path":')),
      w.tools(toolPart(1, id(w, 1), 'read', '{"path":')),
      w.tools({ index: 0, function: { arguments: '"a"}' } }),
      w.tools({ index: 1, function: { arguments: '"b"}' } }),
      ...w.end('tool_calls'),
    ],
  }),
  /** The arguments are an object, not text. */
  'tool-object-args': (w) => ({
    parts: [w.tools(toolPart(0, id(w, 0), 'read', { path: 'up.sh' })), ...w.end('tool_calls')],
  }),
  /** The arguments are JSON text of JSON text. */
  'tool-double-encoded-args': (w) => ({
    parts: [w.tools(toolPart(0, id(w, 0), 'read', JSON.stringify('{"path":"up.sh"}'))), ...w.end('tool_calls')],
  }),
  /** The whole call comes in the chunk that finishes. */
  'tool-with-finish': (w) => ({
    parts: [
      w.bareFinish(
        'tool_calls',
        { tool_calls: [toolPart(0, id(w, 0), 'read', '{"path":"up.sh"}')] },
        { usage: w.usage() },
      ),
      w.done(),
    ],
  }),
  /** A call without arguments: empty text. */
  'tool-zero-args': (w) => ({ parts: [w.tools(toolPart(0, id(w, 0), 'read', '')), ...w.end('tool_calls')] }),
  /** The arguments are valid JSON before they are complete: `{"n":1` and `2}`, then blanks. */
  'tool-early-valid-json': (w) => ({
    parts: [
      w.tools(toolPart(0, id(w, 0), 'read', '{"n":1')),
      w.tools({ index: 0, function: { arguments: '2}' } }),
      w.tools({ index: 0, function: { arguments: ' ' } }),
      ...w.end('tool_calls'),
    ],
  }),
  /** The stream ends inside the arguments. */
  'eof-mid-tool-args': (w) => ({ parts: [w.tools(toolPart(0, id(w, 0), 'read', HALF_A))] }),
  /** The name carries the template's markup. */
  'tool-arg-key-leak': (w) => ({
    parts: [
      w.tools(toolPart(0, id(w, 0), 'read<arg_key>path</arg_key><arg_value>up.sh</arg_value>', '')),
      ...w.end('tool_calls'),
    ],
  }),
  /** The call comes as markers inside the text. */
  'tool-marker-leak': (w) => ({
    parts: [
      w.text('<|tool_calls_section_begin|><|tool_call_begin|>functions.read:0'),
      w.text('<|tool_call_argument_begin|>{"path":"up.sh"}<|tool_call_end|><|tool_calls_section_end|>'),
      ...w.end('stop'),
    ],
  }),
  /** A call without a name. */
  'tool-no-name': (w) => ({ parts: [w.tools(toolPart(0, id(w, 0), '', '{"path":"up.sh"}')), ...w.end('tool_calls')] }),
  /** The name at once, then 60 ms of silence, then all arguments. */
  'tool-buffered-args': (w) => ({
    parts: [
      w.tools(toolPart(0, id(w, 0), 'read', '')),
      { waitMs: 60 },
      w.tools({ index: 0, function: { arguments: '{"path":"up.sh"}' } }),
      ...w.end('tool_calls'),
    ],
  }),
};
