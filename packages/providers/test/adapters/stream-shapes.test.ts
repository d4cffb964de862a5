import { gzipSync } from 'node:zlib';

import { describe, expect } from 'vitest';

import { type Fixture, runFixtures, textsOf, warningsOf } from './fixture.ts';
import { answer, chunk, event, json, type Reply, sse, USAGE } from './wire-server.ts';

const DONE = event('[DONE]');
const STOP = chunk({}, { finish_reason: 'stop', usage: USAGE });
const ok = { text: 'Hello, 世界', finishReason: 'stop', usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 } };
const whole = [chunk({ role: 'assistant', content: 'Hello, ' }), chunk({ content: '世界' }), STOP, DONE].join('');

function bytewise(text: string): Reply {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.socket?.setNoDelay(true);
    for (const byte of new TextEncoder().encode(text)) {
      response.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  };
}

const USED = { inputTokens: 100, outputTokens: 20, reasoningTokens: 7, cachedTokens: 40, totalTokens: 120 };
const WIRE_USED = {
  prompt_tokens: 100,
  completion_tokens: 20,
  total_tokens: 120,
  cached_tokens: 40,
  completion_tokens_details: { reasoning_tokens: 7 },
};
const finish = (extra: Record<string, unknown>): string =>
  event({ model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop', ...extra }] });

const FIXTURES: Fixture[] = [
  { name: '1 plain text', replies: [sse(whole)], result: ok, requests: 1 },
  {
    name: '2 CRLF line ends, comments and a byte order mark',
    replies: [sse(`\uFEFF: ping\r\n\r\n${whole.replaceAll('\n', '\r\n')}: bye\r\n\r\n`)],
    result: ok,
  },
  { name: '3 UTF-8 split byte by byte', replies: [bytewise(whole)], result: ok },
  {
    name: '4 an event of several data lines',
    replies: [
      sse('data: {"model":"m","choices":[{"index":0,\ndata: "delta":{"content":"Hello, 世界"}}]}\n\n', STOP, DONE),
    ],
    result: ok,
  },
  { name: '5 no [DONE]', replies: [sse(whole.replace(DONE, ''))], result: ok },
  {
    name: '6 [DONE] without a finish reason is TRUNCATED',
    replies: [sse(chunk({ content: 'half' }), DONE)],
    error: { code: 'TRUNCATED', retryable: true, partial: { text: 'half' } },
    requests: 1,
  },
  {
    name: '7 the end in the middle of the text is TRUNCATED, with what came',
    replies: [sse(chunk({ content: 'half' }))],
    error: { code: 'TRUNCATED', partial: { text: 'half', reasoning: '' } },
    requests: 1,
  },
  {
    name: '8 the end inside tool arguments is TRUNCATED and gives no call',
    replies: [sse(chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'read', arguments: '{"p' } }] }))],
    error: { code: 'TRUNCATED' },
    events: (events) => expect(events.some(({ type }) => type === 'tool-call')).toBe(false),
  },
  {
    name: '9 a broken JSON line is MALFORMED_STREAM',
    replies: [sse(chunk({ content: 'a' }), 'data: {"choices":[{"del\n\n', chunk({ content: 'c' }), STOP, DONE)],
    error: { code: 'MALFORMED_STREAM', partial: { text: 'a' } },
  },
  {
    name: '9 a broken JSON line can be skipped with a warning',
    options: { badLines: 'skip' },
    replies: [sse(chunk({ content: 'a' }), 'data: {"choices":[{"del\n\n', chunk({ content: 'c' }), STOP, DONE)],
    result: { text: 'ac' },
    events: (events) => expect(warningsOf(events)).toEqual(['BAD_LINE_SKIPPED']),
  },
  {
    name: '10 null, empty and missing choices',
    replies: [
      sse(event({ choices: null }), event({ choices: [] }), event({ id: 'x', object: 'y', usage: null }), whole),
    ],
    result: ok,
  },
  {
    name: '11 usage at the top level',
    replies: [sse(chunk({ content: 'x' }), chunk({}, { finish_reason: 'stop', usage: WIRE_USED }), DONE)],
    result: { usage: USED },
  },
  {
    name: '11 usage in the choice',
    replies: [sse(chunk({ content: 'x' }), finish({ usage: WIRE_USED }), DONE)],
    result: { usage: USED },
  },
  {
    name: '11 usage in a chunk with empty choices behind the finish',
    replies: [sse(chunk({ content: 'x' }), finish({}), event({ choices: [], usage: WIRE_USED }), DONE)],
    result: { usage: USED },
  },
  {
    name: '11 usage in a chunk with non-empty choices behind the finish',
    replies: [
      sse(chunk({ content: 'x' }), finish({}), event({ choices: [{ index: 0, delta: {} }], usage: WIRE_USED }), DONE),
    ],
    result: { usage: USED },
  },
  {
    name: '11 the last usage wins',
    replies: [
      sse(chunk({ content: 'x' }, { usage: USAGE }), finish({}), event({ choices: [], usage: WIRE_USED }), DONE),
    ],
    result: { usage: USED },
  },
  {
    name: '12 a JSON error with status 200 is retried and then thrown',
    replies: [json(200, { error: { code: '1234', type: 'server_error', message: 'inner trouble' } })],
    error: { retryable: true, message: expect.stringContaining('inner trouble') },
    requests: 3,
  },
  {
    name: '12 a whole JSON answer instead of a stream is an answer',
    replies: [
      json(200, {
        model: 'm',
        choices: [{ index: 0, message: { content: 'Hello, 世界', reasoning_content: 'r' }, finish_reason: 'stop' }],
        usage: USAGE,
      }),
    ],
    result: { ...ok, reasoning: 'r' },
  },
  {
    name: '12 an empty body with status 200 is TRUNCATED',
    replies: [sse('')],
    call: { retries: 0 },
    error: { code: 'TRUNCATED' },
  },
  {
    name: '13 an HTML 502 is a SERVER_ERROR that shows no HTML',
    replies: [
      (response) => {
        response.writeHead(502, { 'content-type': 'text/html' });
        response.end('<html><body>nginx</body></html>');
      },
    ],
    error: { code: 'SERVER_ERROR', status: 502, message: 'HTTP 502: an HTML page' },
    requests: 3,
  },
  {
    name: '13 an HTML page with status 200 is MALFORMED_STREAM',
    replies: [
      (response) => {
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end('<html>login</html>');
      },
    ],
    call: { retries: 0 },
    error: { code: 'MALFORMED_STREAM' },
  },
  {
    name: '14 an error chunk before any output is retried',
    replies: [sse(event({ error: { code: '1305', type: 'engine_overloaded_error', message: 'busy' } })), answer('ok')],
    result: { text: 'ok', attempts: 2 },
  },
  {
    name: '14 an error chunk after text is thrown with the partial answer',
    replies: [
      sse(
        chunk({ content: 'half' }),
        event({ error: { code: '1305', type: 'engine_overloaded_error', message: 'busy' } }),
      ),
    ],
    error: { code: 'OVERLOADED', partial: { text: 'half' } },
    requests: 1,
  },
  {
    name: '15 content as a list of parts',
    replies: [
      sse(
        chunk({
          content: [
            { type: 'text', text: 'Hello, ' },
            { type: 'text', text: '世界' },
          ],
        }),
        STOP,
        DONE,
      ),
    ],
    result: ok,
  },
  {
    name: '18 a gzip body',
    replies: [
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
        response.end(gzipSync(whole));
      },
    ],
    result: ok,
  },
  {
    name: '19 a single event of 1 MB',
    replies: [sse(chunk({ content: 'x'.repeat(1_000_000) }), STOP, DONE)],
    events: (events) => expect(textsOf(events, 'text')).toHaveLength(1_000_000),
  },
  {
    name: '20 100,000 tiny deltas, all of them, in order',
    replies: [sse(Array.from({ length: 100_000 }, (_, i) => chunk({ content: String(i % 10) })).join(''), STOP, DONE)],
    events: (events) => expect(textsOf(events, 'text')).toBe('0123456789'.repeat(10_000)),
  },
  {
    name: '82 the last event without a blank line behind it',
    replies: [sse(chunk({ content: 'Hello, 世界' }), STOP.trimEnd())],
    result: ok,
  },
  {
    name: 'network_error is no success: asked again before output',
    only: 'glm',
    replies: [sse(finish({ finish_reason: 'network_error' }), DONE), answer('ok')],
    result: { text: 'ok', attempts: 2 },
  },
  {
    name: 'network_error is no success: thrown after output',
    only: 'glm',
    replies: [sse(chunk({ content: 'a' }), finish({ finish_reason: 'network_error' }), DONE)],
    error: { code: 'SERVER_ERROR', upstreamCode: 'network_error', partial: { text: 'a' } },
  },
  {
    name: 'sensitive ends with content-filter',
    only: 'glm',
    replies: [sse(chunk({ content: 'a' }), finish({ finish_reason: 'sensitive' }), DONE)],
    result: { finishReason: 'content-filter', text: 'a' },
    events: (events) => expect(events.at(-1)).toMatchObject({ type: 'finish', rawReason: 'sensitive' }),
  },
  {
    name: 'model_context_window_exceeded is CONTEXT_OVERFLOW',
    only: 'glm',
    replies: [sse(chunk({ content: 'a' }), finish({ finish_reason: 'model_context_window_exceeded' }), DONE)],
    error: { code: 'CONTEXT_OVERFLOW', retryable: false },
    requests: 1,
  },
  {
    name: 'an unknown finish reason is a stop with a warning',
    replies: [sse(chunk({ content: 'a' }), finish({ finish_reason: 'eos' }), DONE)],
    result: { finishReason: 'stop' },
    events: (events) => expect(warningsOf(events)).toEqual(['UNKNOWN_FINISH']),
  },
  {
    name: 'a stream that stays open behind its finish is complete',
    replies: [
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(whole);
      },
    ],
    result: ok,
  },
];

describe('streams', () => runFixtures(FIXTURES));
