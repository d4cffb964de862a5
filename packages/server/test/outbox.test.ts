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
