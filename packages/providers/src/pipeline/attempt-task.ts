import type { ChatEvent } from '../chat/chat-model.ts';
import type { GatePermit } from '../chat/gate.ts';
import type { Usage } from '../chat/usage.ts';
import type { PhaseBudgets, TimeoutContext, TimeoutKey } from '../timeouts/phase.ts';
import type { Dialect } from '../wire/dialect.ts';

/** One request to be made. */
export interface AttemptTask {
  readonly dialect: Dialect;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly toolNames: ReadonlyMap<string, string>;
  readonly badLines: 'fail' | 'skip';
  readonly key: TimeoutKey;
  readonly context: TimeoutContext;
  readonly budgets: (learned: PhaseBudgets) => PhaseBudgets;
  readonly permit: GatePermit | undefined;
  readonly signal: AbortSignal;
  readonly emit: (event: ChatEvent) => void;
  /** Called with each report of the tokens used. */
  readonly onUsage?: ((usage: Usage) => void) | undefined;
  /** Called once, with the model the provider says it runs. */
  readonly onStart: (servedModel: string | undefined) => void;
  /** Called once, with the milliseconds from the request to the first semantic delta. */
  readonly onFirstToken: (ms: number) => void;
  /** Resolves when the reader has room; `undefined` when it has. */
  readonly room: () => Promise<void> | undefined;
  /** Secrets and prompts that must not appear in an error. */
  readonly redact: (message: string) => string;
}
