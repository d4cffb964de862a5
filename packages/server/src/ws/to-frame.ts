import type { CallEvent } from '../calls/call-ask.ts';
import type { SessionFrame } from '../sessions/outbox.ts';

/** The frame of a call's event; `base` is added to its own number. What is undefined is not sent. */
export function toFrame(id: string, event: CallEvent, base: number): SessionFrame {
  if (event.type === 'accepted') {
    const { type, state, queued, estimatedWaitMs, runId } = event;
    return { type, id, state, queued, estimatedWaitMs, runId };
  }
  if (event.type === 'progress')
    return { type: event.type, id, progress: base + event.progress, message: event.message };
  if (event.type === 'chunk') return { type: event.type, id, index: base + event.index, delta: event.delta };
  if (event.type === 'error') return { type: event.type, id, error: event.error };
  const { type, text, structured, stop, usage, timing, replayed } = event;
  const content = [{ type: 'text' as const, text }];
  return { type, id, content, structured, stop, usage, timing, replayed: replayed ? true : undefined };
}
