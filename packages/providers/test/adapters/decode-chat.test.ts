import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeChat, type DecodedEvent } from '@exai/providers';

import { chunk, event, USAGE } from './wire-server.ts';

const encoder = new TextEncoder();

async function* split(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    yield bytes.subarray(from, cut);
    from = cut;
  }
  yield bytes.subarray(from);
}

async function decode(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  provider: 'glm' | 'kimi' = 'glm',
): Promise<DecodedEvent[]> {
  const events: DecodedEvent[] = [];
  for await (const one of decodeChat(split(bytes, cuts), provider)) events.push(one);
  return events;
}

const joined = (events: readonly DecodedEvent[], type: string): string =>
  events.map((one) => (one.type === type && 'delta' in one ? one.delta : '')).join('');

const body = encoder.encode(
  [
    ': hello\r\n\r\n',
    chunk({ role: 'assistant', content: '' }),
    chunk({ reasoning_content: '想一想 🤔' }),
    chunk({ content: 'Grüße, ' }),
    chunk({ content: '世界 🌍' }),
    chunk({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'read', arguments: '{"p":"' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '路"}' } }] }),
    chunk({}, { finish_reason: 'tool_calls', usage: USAGE }),
    event('[DONE]'),
  ].join(''),
);

describe('decodeChat', () => {
  it('gives the same answer however the bytes are cut', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: body.length }), { maxLength: 30 }),
        fc.constantFrom('glm' as const, 'kimi' as const),
        async (cuts, provider) => {
          const events = await decode(body, cuts, provider);
          expect(joined(events, 'reasoning')).toBe('想一想 🤔');
          expect(joined(events, 'text')).toBe('Grüße, 世界 🌍');
          expect(events.find(({ type }) => type === 'tool-call')).toMatchObject({
            call: { id: 'c1', arguments: { p: '路' } },
          });
          expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'tool-calls', usage: { totalTokens: 15 } });
        },
      ),
    ));

  it('never takes a cut stream for a whole answer', () =>
    fc.assert(
      fc.asyncProperty(fc.nat({ max: body.length - 1 }), async (length) => {
        const finish = new TextDecoder().decode(body).indexOf('"finish_reason":"tool_calls"');
        const whole = await decode(body.subarray(0, length)).then(
          () => true,
          () => false,
        );
        if (whole) expect(length).toBeGreaterThan(finish);
      }),
    ));

  it('throws a ProviderError, never anything else, on garbage', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.string({ maxLength: 100 }), async (bytes, text) => {
        for (const junk of [bytes, encoder.encode(`data: ${text}\n\n`)]) {
          await expect(decode(junk)).rejects.toMatchObject({ name: 'ProviderError' });
        }
      }),
    ));

  it('throws a ProviderError, or gives a whole answer, on any JSON', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 5 }), async (values) => {
        const junk = encoder.encode(
          values.map((value) => event(JSON.stringify(value))).join('') +
            values.map((value) => chunk(value, { usage: value })).join('') +
            values.map((value) => chunk({ tool_calls: [value], content: value, reasoning_content: value })).join(''),
        );
        const result = await decode(junk).then(
          () => 'whole',
          (error: Error) => error.name,
        );
        expect(['whole', 'ProviderError']).toContain(result);
      }),
    ));
});
