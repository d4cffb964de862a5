import type { CallOutcome, ServerEventHub } from '../events.ts';
import { type ErrorCode, TOOL_SUFFIX, type WireError } from '../protocol/index.ts';

import type { CallAsk } from './call-ask.ts';

/** How a call ended, for those who watch. */
export interface CallEnd {
  /** @defaultValue 'none': it ended before it was known */
  readonly provider?: string;
  readonly error?: WireError | undefined;
  readonly stop?: string | undefined;
  readonly queuedMs: number;
  readonly durationMs: number;
  readonly replayed: boolean;
  readonly firstChunkMs?: number | undefined;
}

/** Tells the server's observers of calls: that one was accepted, turned away, ended. */
export class CallReporter {
  readonly #events: ServerEventHub;

  constructor(events: ServerEventHub) {
    this.#events = events;
  }

  called({ transport, session }: CallAsk, tool: string, provider: string): void {
    this.#events.emit('called', { tool, provider, transport, session });
  }

  /** A call that was turned away is also `shed`. */
  ended(ask: CallAsk, end: CallEnd): void {
    const { error, stop, firstChunkMs } = end;
    if (error?.code === 'OVER_CAPACITY' || error?.code === 'SERVER_DRAINING') this.#shed(error, ask);
    this.#events.emit('finished', {
      tool: plainName(ask.tool),
      provider: end.provider ?? 'none',
      transport: ask.transport,
      session: ask.session,
      principal: ask.principal,
      outcome: outcomeOf(error?.code),
      queuedMs: end.queuedMs,
      durationMs: end.durationMs,
      replayed: end.replayed,
      ...(ask.traceparent === undefined ? undefined : { traceparent: ask.traceparent }),
      ...(error === undefined ? undefined : { code: error.code }),
      ...(stop === undefined ? undefined : { stop }),
      ...(firstChunkMs === undefined ? undefined : { firstChunkMs }),
    });
  }

  #shed(error: WireError, ask: CallAsk): void {
    this.#events.emit('shed', {
      reason: error.code,
      code: error.code,
      tool: plainName(ask.tool),
      session: ask.session,
      ...(error.details?.tier === undefined ? {} : { tier: error.details.tier }),
    });
  }
}

/** A tool's name without the suffix it may carry. */
export function plainName(tool: string): string {
  return tool.endsWith(TOOL_SUFFIX) ? tool.slice(0, -TOOL_SUFFIX.length) : tool;
}

const OUTCOMES: Partial<Record<ErrorCode, CallOutcome>> = {
  CANCELLED: 'cancelled',
  DEADLINE_EXCEEDED: 'timeout',
  QUEUE_TIMEOUT: 'timeout',
  OVER_CAPACITY: 'shed',
  SERVER_DRAINING: 'shed',
  RATE_LIMITED: 'shed',
  CIRCUIT_OPEN: 'shed',
};

function outcomeOf(code: ErrorCode | undefined): CallOutcome {
  return code === undefined ? 'ok' : (OUTCOMES[code] ?? 'error');
}
