import type { z } from 'zod';

import type { StopReason, UsageReport } from '../protocol/index.ts';

/** Where a call is. */
export type CallPhase =
  | 'door'
  | 'queued'
  | 'connecting'
  | 'thinking'
  | 'answering'
  | 'stalled'
  | 'retrying'
  | 'between';

/** What a tool tells while it works. */
export type ToolEvent =
  | { readonly type: 'text'; readonly delta: string }
  | { readonly type: 'phase'; readonly phase: Exclude<CallPhase, 'door'>; readonly message?: string }
  /** A permit came after `ms` of waiting. */
  | { readonly type: 'waited'; readonly ms: number }
  | { readonly type: 'step'; readonly steps: number; readonly confidence?: string };

/** One call as a tool sees it. */
export interface ToolContext {
  /** Names the journaled run; the same for a call that is sent again with its idempotency key. */
  readonly runId: string;
  /** Parsed by the tool's `input`. */
  readonly arguments: unknown;
  readonly session: string;
  readonly principal: string;
  readonly signal: AbortSignal;
  /** Epoch ms. */
  readonly deadlineAt: number;
  /** 0, or -1 for a batch call. */
  readonly priority: number;
  /** True when the client named the run by an idempotency key: it may have been begun, or done, before. */
  readonly keyed: boolean;
  /** True for a run that an earlier process began and nobody has asked for again yet. */
  readonly resumed: boolean;
  readonly emit: (event: ToolEvent) => void;
}

/** What a tool hands back. A rejection becomes the call's `error` frame. */
export interface ToolResult {
  readonly text: string;
  readonly structured?: Readonly<Record<string, unknown>> | undefined;
  readonly stop?: StopReason | undefined;
  readonly usage?: UsageReport | undefined;
  /** It was done before, by an earlier process. */
  readonly replayed?: boolean;
}

/** Something a client can call. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly kind: 'chat' | 'workflow';
  readonly input: z.ZodType;
  /** MCP lists it in this profile only; absent: in every one. */
  readonly listedIn?: 'full';
  /** The provider whose permits a call with these arguments will use: its lane at the door. */
  providerOf(args: unknown): string;
  run(context: ToolContext): Promise<ToolResult>;
}
