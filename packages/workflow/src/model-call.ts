import type { Model, ModelCallOptions, ModelEvent, ModelRequest, ModelResult } from './model.ts';

/** What a model call gave, and how long it waited for permits (ms, summed over attempts). */
export interface CallOutcome {
  readonly result: ModelResult;
  readonly waitedMs: number;
}

/** Provider events worth showing to whoever waits for the answer. */
const SHOWN = new Set(['waiting', 'granted', 'start', 'stalled', 'resumed', 'retry', 'hedge', 'server-tool']);

/** Where a call's events go. */
export interface CallSink {
  readonly delta: (text: string) => void;
  readonly progress: (event: ModelEvent) => void;
}

/** Runs one model call to its end. Rejects with what the model rejects with. */
export async function callModel(
  model: Model,
  request: ModelRequest,
  options: ModelCallOptions,
  sink: CallSink,
): Promise<CallOutcome> {
  const stream = model.stream(request, options);
  let waitedMs = 0;
  let reasoning = false;
  for await (const event of stream) {
    if (event.type === 'text' && event.delta !== undefined) sink.delta(event.delta);
    if (event.type === 'granted') waitedMs += event.waitedMs ?? 0;
    if (SHOWN.has(event.type)) sink.progress(event);
    if (event.type === 'reasoning' && !reasoning) {
      reasoning = true;
      sink.progress({ type: 'reasoning' });
    }
  }
  return { result: await stream.final(), waitedMs };
}
