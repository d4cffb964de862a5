import type { ToolContext, ToolEvent } from './tool.ts';

/** What is settled about a call before it begins. */
export interface CallFacts {
  /** Parsed by the tool's `input`. */
  readonly args: unknown;
  readonly principal: string;
  readonly priority: number;
  /** Named by an idempotency key: its result may be asked for again. */
  readonly keyed: boolean;
  readonly resumed: boolean;
}

/** A call as its tool sees it. The signal is asked for only when the tool does: making one costs more than many calls do. */
export class WorkContext implements ToolContext {
  readonly #work: Pick<ToolContext, 'runId' | 'session' | 'signal' | 'deadlineAt'>;
  readonly #facts: CallFacts;
  readonly emit: (event: ToolEvent) => void;

  constructor(
    work: Pick<ToolContext, 'runId' | 'session' | 'signal' | 'deadlineAt'>,
    facts: CallFacts,
    emit: (event: ToolEvent) => void,
  ) {
    this.#work = work;
    this.#facts = facts;
    this.emit = emit;
  }

  get runId(): string {
    return this.#work.runId;
  }

  get arguments(): unknown {
    return this.#facts.args;
  }

  get session(): string {
    return this.#work.session;
  }

  get principal(): string {
    return this.#facts.principal;
  }

  get signal(): AbortSignal {
    return this.#work.signal;
  }

  get deadlineAt(): number {
    return this.#work.deadlineAt;
  }

  get priority(): number {
    return this.#facts.priority;
  }

  get keyed(): boolean {
    return this.#facts.keyed;
  }

  get resumed(): boolean {
    return this.#facts.resumed;
  }
}
