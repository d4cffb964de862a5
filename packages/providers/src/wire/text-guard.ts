import type { ToolPiece } from './tool-calls.ts';

/** What a guard makes of a piece of text. */
export interface Guarded {
  readonly text: string;
  /** Reasoning that came as text. */
  readonly reasoning: string;
  /** Tool calls that came as text. */
  readonly calls: readonly ToolPiece[];
  /** Markup that could not be read: the answer is not to be trusted. */
  readonly broken?: string;
}

/** Nothing but text. */
export function plainText(text: string): Guarded {
  return { text, reasoning: '', calls: NO_CALLS };
}

const NO_CALLS: readonly ToolPiece[] = [];

/** Takes template markup out of streamed text. It holds back only what may still become markup. */
export interface TextGuard {
  readonly push: (delta: string) => Guarded;
  readonly end: () => Guarded;
}
