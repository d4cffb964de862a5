import { EventEmitter } from 'eventemitter3';

import type { FinishReason } from '../chat/chat-model.ts';
import type { ProviderErrorCode } from '../chat/provider-error.ts';
import type { Usage } from '../chat/usage.ts';
import type { WarningCode } from '../chat/warning.ts';
import type { BudgetSource, Phase } from '../timeouts/phase.ts';
import type { BreakerState } from './breaker.ts';

/** The call an event belongs to. */
export interface CallRef {
  readonly provider: string;
  readonly model: string;
  readonly requestId: string;
  /** Requests of this call so far, from 1. */
  readonly attempt: number;
}

/** What a provider tells its observers: plain data, never prompts, answers or keys. */
export interface ProviderEvents {
  /** A request is about to be sent. */
  attempt: CallRef & { readonly waitedMs: number };
  firstToken: CallRef & { readonly firstTokenMs: number };
  stalled: CallRef & { readonly phase: Phase; readonly silentMs: number; readonly budgetMs: number };
  resumed: CallRef & { readonly phase: Phase; readonly silentMs: number };
  retried: CallRef & { readonly code: ProviderErrorCode; readonly delayMs: number };
  hedged: CallRef;
  finished: CallRef & {
    readonly usage: Usage;
    /** USD. */
    readonly cost?: number;
    readonly waitMs: number;
    readonly firstTokenMs: number;
    readonly durationMs: number;
    readonly finishReason: FinishReason;
  };
  failed: CallRef & {
    readonly code: ProviderErrorCode;
    readonly durationMs: number;
    readonly phase?: Phase;
    readonly source?: BudgetSource;
  };
  breakerChanged: { readonly provider: string; readonly model: string; readonly state: BreakerState };
  warning: CallRef & { readonly code: WarningCode; readonly message: string };
}

/** Names of the events. */
export type ProviderEventName = keyof ProviderEvents;

/** Delivers events; a listener that throws never harms a call and is reported as a process warning. */
export class ProviderEmitter {
  readonly #emitter = new EventEmitter();

  on<Name extends ProviderEventName>(name: Name, listener: (event: ProviderEvents[Name]) => void): () => void {
    this.#emitter.on(name, listener);
    return () => this.#emitter.off(name, listener);
  }

  emit<Name extends ProviderEventName>(name: Name, event: ProviderEvents[Name]): void {
    for (const listener of this.#emitter.listeners(name)) {
      try {
        listener(event);
      } catch (error) {
        globalThis.process?.emitWarning?.(`a listener of ${name} threw: ${String(error)}`);
      }
    }
  }
}
