import type { Transport } from '../events.ts';
import type { WireError } from '../protocol/index.ts';

import type { CallError } from './call-error.ts';
import type { ToolResult } from './tool.ts';
import type { Work } from './work.ts';

/** One call as a transport hands it in. */
export interface CallAsk {
  readonly transport: Transport;
  readonly principal: string;
  /** Whose permits and whose turn: the session tier's key. */
  readonly session: string;
  /** With or without the suffix `_EXAI-WS`. */
  readonly tool: string;
  readonly arguments: unknown;
  /** Milliseconds from now. @defaultValue the tool's own: chat 600 s, workflow tools 3600 s */
  readonly deadlineMs?: number | undefined;
  /** @defaultValue 'interactive' */
  readonly priority?: 'interactive' | 'batch' | undefined;
  /** The same key and arguments join the running call or get its result; other arguments are a conflict. */
  readonly idempotencyKey?: string | undefined;
  readonly traceparent?: string | undefined;
  /** Gets `accepted`, then any number of `progress` and `chunk`, then exactly one `result` or `error`; or one `error` alone. */
  readonly onEvent: (event: CallEvent) => void;
}

/** What a call tells whoever made it. */
export type CallEvent =
  | {
      readonly type: 'accepted';
      readonly state: 'queued' | 'running';
      readonly queued?: number;
      readonly estimatedWaitMs?: number;
      readonly runId: string;
    }
  /** `progress` grows by 1 each time. */
  | { readonly type: 'progress'; readonly progress: number; readonly message: string }
  | { readonly type: 'chunk'; readonly index: number; readonly delta: string }
  | CallResult
  | { readonly type: 'error'; readonly error: WireError };

/** The good end of a call. */
export interface CallResult extends ToolResult {
  readonly type: 'result';
  readonly timing: { readonly queuedMs: number; readonly runMs: number };
  readonly replayed: boolean;
}

/** A call that was made. */
export interface CallHandle {
  readonly work: Work | undefined;
  /** Ends it now with `reason`'s code; without effect after its terminal event. The work ends when nobody else waits for it. */
  cancel(reason: CallError): void;
}
