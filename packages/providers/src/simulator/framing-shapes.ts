import { gzipSync } from 'node:zlib';

import { type ShapeWriter } from './shape-writer.ts';
import type { Transcript, TranscriptPart } from './transcript.ts';

const BOM = '\uFEFF';
const MEGABYTE = 1_048_576;
const MANY_DELTAS = 100_000;
const DELTAS_PER_WRITE = 500;
const HTML = { 'content-type': 'text/html; charset=utf-8' };
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

/** The names of these shapes. */
export type FramingShape =
  | 'plain'
  | 'crlf-comments-bom'
  | 'utf8-split'
  | 'multi-line-data'
  | 'no-done'
  | 'done-without-finish'
  | 'eof-mid-text'
  | 'cut-mid-text'
  | 'last-event-unterminated'
  | 'broken-json-line'
  | 'choices-null'
  | 'choices-empty'
  | 'choices-missing'
  | 'usage-top-level'
  | 'usage-choice'
  | 'usage-empty-choices'
  | 'usage-extra-chunk'
  | 'content-parts'
  | 'empty-deltas'
  | 'gzip'
  | 'big-event'
  | 'many-deltas'
  | 'json-error-200'
  | 'html-502'
  | 'html-500'
  | 'error-chunk-first'
  | 'error-chunk-after-text';

/** Shapes of the stream itself: framing, encoding, chunks, usage. */
export const FRAMING_SHAPES: Readonly<Record<FramingShape, (w: ShapeWriter) => Transcript>> = {
  /** Two text deltas, finish, usage, `[DONE]`. */
  plain: (w) => ({ parts: [w.text('Hello '), w.text('world'), ...w.end()] }),
  /** CRLF line ends, comments between the events and a byte order mark in front. */
  'crlf-comments-bom': (w) => ({
    parts: [BOM, ': ping\r\n\r\n', ...[w.text('Hello '), ': ping\n\n', w.text('world'), ...w.end()].map(toCrlf)],
  }),
  /** Chinese text and an emoji, sent one byte at a time. */
  'utf8-split': (w) => ({
    parts: bytewise([w.text('你好，世界'), w.text(' 🌍'), ...w.end()]),
  }),
  /** One event whose JSON spans several `data:` lines. */
  'multi-line-data': (w) => ({
    parts: [
      `${JSON.stringify(w.chunk({ content: 'Hello world' }), null, 1).replaceAll(/^/gm, 'data: ')}\n\n`,
      ...w.end(),
    ],
  }),
  /** Ends after the finish chunk, without `[DONE]`. */
  'no-done': (w) => ({ parts: [w.text('Hello world'), ...w.finish('stop')] }),
  /** `[DONE]` without a finish reason. */
  'done-without-finish': (w) => ({ parts: [w.text('Hello wor'), w.done()] }),
  /** The connection ends properly in the middle of the text. */
  'eof-mid-text': (w) => ({ parts: [w.text('Hello wor')] }),
  /** The connection breaks in the middle of the text. */
  'cut-mid-text': (w) => ({ parts: [w.text('Hello wor'), { waitMs: 20 }], close: 'cut' }),
  /** The last event has no blank line after it. */
  'last-event-unterminated': (w) => ({
    parts: [w.text('Hello world'), `data: ${JSON.stringify(w.chunk({}, {}))}\n\n`, ...unterminated(w.finish('stop'))],
  }),
  /** A line of broken JSON between two texts. */
  'broken-json-line': (w) => ({
    parts: [w.text('Hello '), 'data: {"id":"x","choices":[{"delta"\n\n', w.text('world'), ...w.end()],
  }),
  /** `choices` is null, an empty list or missing in chunks between the texts. */
  'choices-null': (w) => ({
    parts: [w.text('Hello '), { event: { ...w.chunk({}), choices: null } }, w.text('world'), ...w.end()],
  }),
  'choices-empty': (w) => ({
    parts: [w.text('Hello '), { event: { ...w.chunk({}), choices: [] } }, w.text('world'), ...w.end()],
  }),
  'choices-missing': (w) => ({
    parts: [w.text('Hello '), { event: { id: 'x', model: w.call.model } }, w.text('world'), ...w.end()],
  }),
  /** Usage in each of the places where the providers put it, and nowhere else. */
  'usage-top-level': (w) => ({
    parts: [w.text('Hello world'), w.bareFinish('stop', {}, { usage: w.usage() }), w.done()],
  }),
  'usage-choice': (w) => ({
    parts: [
      w.text('Hello world'),
      { event: { ...w.chunk({}), choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage: w.usage() }] } },
      w.done(),
    ],
  }),
  'usage-empty-choices': (w) => ({
    parts: [
      w.text('Hello world'),
      w.bareFinish('stop'),
      { event: { ...w.chunk({}), choices: [], usage: w.usage() } },
      w.done(),
    ],
  }),
  'usage-extra-chunk': (w) => ({
    parts: [w.text('Hello world'), w.bareFinish('stop'), w.delta({}, { usage: w.usage() }), w.done()],
  }),
  /** Content as a list of text parts. */
  'content-parts': (w) => ({
    parts: [
      w.delta({
        content: [
          { type: 'text', text: 'Hello ' },
          { type: 'text', text: 'world' },
        ],
      }),
      ...w.end(),
    ],
  }),
  /** Chunks without anything in them before and between the text. */
  'empty-deltas': (w) => ({
    parts: [
      w.delta({ role: 'assistant' }),
      w.text(''),
      w.delta({}),
      w.text('Hello '),
      w.delta({ content: null }),
      w.text('world'),
      ...w.end(),
    ],
  }),
  /** A compressed body. */
  gzip: (w) => ({
    headers: { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' },
    parts: [gzipSync(joined([w.text('Hello '), w.text('world'), ...w.end()]))],
  }),
  /** One event of a megabyte. */
  'big-event': (w) => ({ parts: [w.text('x'.repeat(MEGABYTE)), ...w.end()] }),
  /** A hundred thousand deltas of one letter. */
  'many-deltas': (w) => ({ parts: [...many(joined([w.text('x')])), ...w.end()] }),
  /** HTTP 200 and an error as JSON, to a request that asked for a stream. */
  'json-error-200': (w) => ({ headers: JSON_TYPE, parts: [JSON.stringify(streamError(w))] }),
  /** Pages of a proxy instead of an answer. */
  'html-502': () => ({ status: 502, headers: HTML, parts: ['<html><body><h1>502 Bad Gateway</h1></body></html>'] }),
  'html-500': () => ({ status: 500, headers: HTML, parts: ['<html><body>Internal Server Error</body></html>'] }),
  /** An overload reported inside the stream, before anything else or after text. */
  'error-chunk-first': (w) => ({ parts: [{ event: streamError(w) }] }),
  'error-chunk-after-text': (w) => ({ parts: [w.text('Hello wor'), { event: streamError(w) }] }),
};

function streamError(w: ShapeWriter): Record<string, unknown> {
  if (w.call.provider === 'glm') return { error: { code: '1305', message: 'The service is overloaded' } };
  return { error: { type: 'engine_overloaded_error', message: 'The engine is currently overloaded' } };
}

function joined(parts: readonly TranscriptPart[]): string {
  return parts.map((part) => (typeof part === 'object' && 'event' in part ? sse(part.event) : '')).join('');
}

function sse(data: unknown): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

function toCrlf(part: TranscriptPart): TranscriptPart {
  const text = typeof part === 'string' ? part : joined([part]);
  return text.replaceAll('\n', '\r\n');
}

function bytewise(parts: readonly TranscriptPart[]): TranscriptPart[] {
  const bytes = Buffer.from(joined(parts));
  // A pause before each byte that is not ASCII puts it into a packet of its own.
  return [...bytes].flatMap((byte) => (byte < 0x80 ? [Uint8Array.of(byte)] : [{ waitMs: 1 }, Uint8Array.of(byte)]));
}

function unterminated(parts: readonly TranscriptPart[]): TranscriptPart[] {
  return [joined(parts).replace(/\n+$/, '')];
}

function many(event: string): TranscriptPart[] {
  return Array.from({ length: MANY_DELTAS / DELTAS_PER_WRITE }, () => event.repeat(DELTAS_PER_WRITE));
}
