import { openRoots, type Roots } from './evidence/roots.ts';
import { CalibrationTable } from './calibration-table.ts';
import { Conversations } from './conversations.ts';
import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { EngineOptions } from './engine-options.ts';
import type { EvidenceTool } from './evidence-tool.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { memoryStore } from './memory-store.ts';
import type { Model, ModelAsk } from './model.ts';
import { toModelAsk } from './request-options.ts';
import { SharedJournal } from './shared-journal.ts';
import type { WorkflowStore } from './store.ts';
import { builtInWorkflows } from './tools/index.ts';
import { WorkflowError } from './workflow-error.ts';

const DEFAULTS = {
  maxPromptTokens: 60_000,
  historyTokens: 12_000,
  drainMs: 5_000,
  idleMs: 3_600_000,
  leaseMs: 5_000,
} as const;

/** What an engine is made of, with the defaults filled in. */
export class EngineParts {
  readonly clock: () => number;
  readonly ids: () => string;
  readonly store: WorkflowStore;
  readonly owner: string;
  readonly roots: Roots;
  readonly models: (ask: ModelAsk) => Model;
  readonly conversations: Conversations;
  readonly calibration: CalibrationTable;
  readonly maxPromptTokens: number;
  readonly historyTokens: number;
  readonly drainMs: number;
  readonly idleMs: number;
  readonly leaseMs: number;
  readonly leases: LeaseKeeper;
  readonly #workflows: Map<string, Workflow>;

  constructor(options: EngineOptions) {
    const { model } = options;
    const models = options.models ?? (model === undefined ? undefined : () => model);
    if (models === undefined) throw new TypeError('createEngine needs model or models');
    this.models = models;
    this.clock = options.clock ?? Date.now;
    this.ids = options.ids ?? (() => globalThis.crypto.randomUUID());
    this.store = options.store ?? memoryStore(this.clock);
    this.owner = this.ids();
    this.roots = openRoots(options.roots ?? []);
    const shared = new SharedJournal(this.store, this.owner, this.clock);
    this.conversations = new Conversations(this.store, shared);
    this.calibration = new CalibrationTable(shared);
    this.maxPromptTokens = positive('maxPromptTokens', options.maxPromptTokens ?? DEFAULTS.maxPromptTokens);
    this.historyTokens = positive('historyTokens', options.historyTokens ?? DEFAULTS.historyTokens);
    this.drainMs = positive('drainMs', options.drainMs ?? DEFAULTS.drainMs);
    this.idleMs = positive('idleMs', options.idleMs ?? DEFAULTS.idleMs);
    this.leaseMs = positive('leaseMs', options.leaseMs ?? DEFAULTS.leaseMs);
    this.leases = new LeaseKeeper(this.store, this.leaseMs);
    const known = [...Object.values(builtInWorkflows), ...(options.workflows ?? [])];
    this.#workflows = new Map(known.map((workflow) => [workflow.name, workflow]));
  }

  /** Makes a workflow known, so that its runs can be resumed by name. */
  learn(workflow: Workflow): void {
    this.#workflows.set(workflow.name, workflow);
  }

  readonly find = (name: string): Workflow | undefined => this.#workflows.get(name);

  /** Tools a run with these folders (absent: the engine's) is offered: those that need a folder only when there is one. */
  toolsOf(workflow: Workflow, folders: readonly string[] | undefined): readonly EvidenceTool[] {
    const { length } = folders ?? this.roots.folders;
    return workflow.tools.filter((tool) => !tool.needsRoots || length > 0);
  }

  /** The folders of a run that goes on, here or on another machine: those of them that are there. */
  rootsLeft(folders: readonly string[] | undefined): Roots {
    return folders === undefined ? this.roots : openRoots(folders.filter(isRoot));
  }

  /** The folders of a new run; `INVALID_ARGUMENTS` when one is not there. */
  rootsOf(folders: readonly string[] | undefined): Roots {
    if (folders === undefined) return this.roots;
    try {
      return openRoots(folders);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new WorkflowError('INVALID_ARGUMENTS', `roots: ${why}`, { cause });
    }
  }

  /** The agent's model, or `INVALID_ARGUMENTS` when there is none for what the input asks for. */
  agentModel(workflow: Workflow, bound: BoundWorkflow): Model {
    try {
      return this.models(toModelAsk(workflow, bound.input, 'agent'));
    } catch (cause) {
      if (WorkflowError.is(cause)) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new WorkflowError('INVALID_ARGUMENTS', `${workflow.name}: ${why}`, { cause });
    }
  }
}

function isRoot(folder: string): boolean {
  try {
    openRoots([folder]);
    return true;
  } catch {
    return false;
  }
}

function positive(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new RangeError(`${name} must be a positive number, got ${value}`);
}
