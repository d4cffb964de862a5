import type { PlannedCall } from './driver.ts';

/** A mix has few arguments that are the same for many calls. */
const MOST = 32;

/** What is written for a call, kept for further calls with the very same arguments. */
export class KeptTexts<T> {
  readonly #write: (call: PlannedCall) => T;
  readonly #kept = new Map<PlannedCall['arguments'], { call: PlannedCall; text: T }>();

  constructor(write: (call: PlannedCall) => T) {
    this.#write = write;
  }

  of(call: PlannedCall): T {
    const known = this.#kept.get(call.arguments);
    if (known?.call.tool === call.tool && known.call.deadlineMs === call.deadlineMs) return known.text;
    const text = this.#write(call);
    if (this.#kept.size < MOST) this.#kept.set(call.arguments, { call, text });
    return text;
  }
}
