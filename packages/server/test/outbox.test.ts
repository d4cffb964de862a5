import { expect, test } from 'vitest';

import { Outbox, type SessionFrame } from '../src/sessions/outbox.ts';

/** Pieces of different calls, which are not joined. */
const frame = (id: number): SessionFrame => ({ type: 'chunk', id: String(id), index: 0, delta: 'text' });

test('is full of entries only while the oldest was never handed to a connection', () => {
  const outbox = new Outbox({ entries: 2, bytes: 1e6 });
  outbox.push(frame(1));
  outbox.push(frame(2));
  expect(outbox.isFull).toBe(true);
  outbox.take(1);
  expect(outbox.isFull).toBe(false);
  expect(outbox.push(frame(3)), 'what gave way had been sent').toBe(true);
  expect(outbox.isFull, 'now the oldest is unsent').toBe(true);
});

test('is full of bytes, whether or not they were sent', () => {
  const outbox = new Outbox({ entries: 10, bytes: 20 });
  outbox.push(frame(1));
  outbox.take(1);
  expect(outbox.isFull).toBe(true);
});

test('hands out the frame with its number, the same when it is sent again, and joins nothing to what was sent', () => {
  const outbox = new Outbox({ entries: 10, bytes: 1e6 });
  const piece = (index: number, delta: string): SessionFrame => ({ type: 'chunk', id: 'a', index, delta });
  outbox.push(piece(0, 'one '));
  outbox.push(piece(1, '"two" \u{1f600}'));
  expect(outbox.length).toBe(1);
  const text = '{"type":"chunk","id":"a","index":0,"delta":"one \\"two\\" \u{1f600}","seq":1}';
  expect([outbox.take(1), outbox.take(1)]).toEqual([text, text]);
  outbox.push(piece(2, 'three'));
  expect(JSON.parse(outbox.take(2) ?? '')).toEqual({ ...piece(2, 'three'), seq: 2 });
});

test('counts what a frame takes when it is kept, so that many long results are bounded by bytes', () => {
  const outbox = new Outbox({ entries: 1000, bytes: 10_000 });
  const long = (id: string): SessionFrame => ({
    type: 'result',
    id,
    content: [{ type: 'text', text: 'x'.repeat(3000) }],
    timing: { queuedMs: 0, runMs: 0 },
  });
  for (const id of ['a', 'b', 'c']) outbox.push(long(id));
  expect(outbox.bytes).toBeGreaterThan(9000);
  expect(outbox.bytes).toBeLessThanOrEqual(10_000);
  outbox.take(3);
  outbox.ack(3);
  expect(outbox.bytes).toBe(0);
});
