import type { Source } from '../chat/chat-model.ts';
import type { Usage } from '../chat/usage.ts';

/** What one chunk of a stream adds, in the order it is to be applied. */
export type Delta =
  | { readonly type: 'reasoning'; readonly delta: string }
  | { readonly type: 'text'; readonly delta: string }
  | {
      readonly type: 'tool';
      readonly index: number | undefined;
      readonly id: string | undefined;
      readonly name: string | undefined;
      /** A piece of JSON text, or the whole value. */
      readonly args: unknown;
    }
  | { readonly type: 'source'; readonly source: Source }
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'model'; readonly model: string }
  | { readonly type: 'finish'; readonly reason: string }
  | { readonly type: 'error'; readonly body: unknown };
