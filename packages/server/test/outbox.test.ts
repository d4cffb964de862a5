import { expect, test } from 'vitest';

import { Outbox } from '../src/sessions/outbox.ts';

const frame = (id: number) => ({ type: 'result', id: String(id), ok: true }) as never;

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
