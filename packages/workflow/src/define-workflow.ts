import type { z } from 'zod';

import type { Claim } from './claim.ts';
import type { EvidenceItem, EvidenceTool } from './evidence-tool.ts';
import type { ContentPart } from './model.ts';
import { readOptions } from './read-options.ts';
import type { TerminationPolicy } from './termination-policy.ts';
import { WorkflowError } from './workflow-error.ts';

/** One thing that must be shown by cited evidence before the work counts as done. */
export interface Requirement {
  /** Short name, used in `citations[].requirement`. */
  readonly id: string;
  /** One sentence for the model and for the gap list. */
  readonly description: string;
  /** How many different pieces of evidence must back it. @defaultValue 1 */
  readonly cites?: number;
  /** Whether a cited piece of evidence is about this requirement. @defaultValue every piece is */
  readonly accepts?: (evidence: EvidenceItem) => boolean;
}

/** One model asked blind, before the first step; its answer becomes evidence with the source `panel:<id>`. */
export interface PanelMember {
  readonly id: string;
  readonly provider?: string;
  readonly model?: string;
  readonly systemPrompt: string;
  readonly prompt: string;
}

/** What a caller-driven step's instruction is made from. */
export interface GuideContext {
  /** Number of this step, from 1, counted by the engine. */
  readonly step: number;
  readonly claim: Claim;
  /** Requirements not yet backed by evidence. */
  readonly gaps: readonly Requirement[];
  readonly input: unknown;
}

/** What {@link defineWorkflow} takes. `I` is the parsed input. */
export interface WorkflowSpec<S extends z.ZodType> {
  readonly name: string;
  /** Raise it when a run written by the older definition cannot go on with the new one. */
  readonly version: number;
  readonly description: string;
  /** `chat`: one answer. `workflow`: steps until the evidence suffices. */
  readonly kind: 'chat' | 'workflow';
  readonly input: S;
  /** The system prompt; sent once, whatever the length of the conversation. */
  readonly systemPrompt: (input: z.infer<S>) => string;
  /** The first user message of an engine-driven run. */
  readonly prompt: (input: z.infer<S>) => string | readonly ContentPart[];
  /** The checklist. Without one (or an empty one) a success is marked unverified. */
  readonly requirements?: (input: z.infer<S>) => readonly Requirement[];
  /** Also ask a judge model whether the cited evidence suffices; its failure means "unknown". @defaultValue false */
  readonly judge?: boolean;
  /** Tools offered to the model. */
  readonly tools?: readonly EvidenceTool[];
  /** Models asked before the first step, blind to one another. */
  readonly panel?: (input: z.infer<S>) => readonly PanelMember[];
  /** Whether a reviewer model checks an unsure result. @defaultValue false */
  readonly expert?: boolean;
  /** What the caller is told to do next in a caller-driven step. */
  readonly guide?: (context: GuideContext) => readonly string[];
  /** Model used when the input names none. */
  readonly defaultProvider?: string;
  readonly defaultModel?: string;
  readonly defaultThinking?: 'minimal' | 'low' | 'medium' | 'high' | 'max';
  /** Largest answer asked for, in tokens. @defaultValue the model's own */
  readonly maxOutputTokens?: number;
  readonly termination?: Partial<TerminationPolicy>;
}

/** A workflow with its input type erased: what an engine runs. Make it with {@link defineWorkflow}. */
export interface Workflow {
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly kind: 'chat' | 'workflow';
  readonly input: z.ZodType;
  readonly tools: readonly EvidenceTool[];
  readonly judge: boolean;
  readonly expert: boolean;
  readonly defaultProvider?: string;
  readonly defaultModel?: string;
  readonly defaultThinking?: 'minimal' | 'low' | 'medium' | 'high' | 'max';
  readonly maxOutputTokens?: number;
  readonly termination: Partial<TerminationPolicy>;
  /** Parses the input and binds the definition to it. Throws `INVALID_ARGUMENTS`. */
  bind(input: unknown): BoundWorkflow;
}

/** A workflow bound to one parsed input. */
export interface BoundWorkflow {
  readonly input: unknown;
  readonly systemPrompt: string;
  /** The first user message; asked for only in an engine-driven run. */
  readonly prompt: () => string | readonly ContentPart[];
  readonly requirements: readonly Requirement[];
  readonly panel: readonly PanelMember[];
  /** Whether the caller wants a reviewer (`use_assistant_model`). */
  readonly review: boolean;
  readonly guide: (context: Omit<GuideContext, 'input'>) => readonly string[];
}

/**
 * Defines a workflow: a value, with no state of its own, that any number of runs may share.
 *
 * @throws TypeError for a name that is no lower-case word, or a version below 1.
 */
export function defineWorkflow<S extends z.ZodType>(spec: WorkflowSpec<S>): Workflow {
  if (!/^[a-z][a-z0-9_-]{0,63}$/.test(spec.name)) throw new TypeError(`bad workflow name: ${spec.name}`);
  if (!Number.isInteger(spec.version) || spec.version < 1) throw new TypeError(`bad workflow version: ${spec.version}`);
  const { name, version, description, kind, input, tools, judge, expert, termination, ...rest } = spec;
  return {
    name,
    version,
    description,
    kind,
    input,
    tools: tools ?? [],
    judge: judge ?? false,
    expert: expert ?? false,
    termination: termination ?? {},
    ...pickDefaults(rest),
    bind: (raw) => bind(spec, raw),
  };
}

type Defaults = Pick<Workflow, 'defaultProvider' | 'defaultModel' | 'defaultThinking' | 'maxOutputTokens'>;

function pickDefaults(spec: Defaults): Defaults {
  return {
    ...(spec.defaultProvider === undefined ? {} : { defaultProvider: spec.defaultProvider }),
    ...(spec.defaultModel === undefined ? {} : { defaultModel: spec.defaultModel }),
    ...(spec.defaultThinking === undefined ? {} : { defaultThinking: spec.defaultThinking }),
    ...(spec.maxOutputTokens === undefined ? {} : { maxOutputTokens: spec.maxOutputTokens }),
  };
}

function bind<S extends z.ZodType>(spec: WorkflowSpec<S>, raw: unknown): BoundWorkflow {
  const parsed = spec.input.safeParse(raw);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`);
    throw new WorkflowError('INVALID_ARGUMENTS', `${spec.name}: ${issues.join('; ')}`);
  }
  const input = parsed.data;
  return {
    input,
    systemPrompt: spec.systemPrompt(input),
    prompt: () => spec.prompt(input),
    requirements: spec.requirements?.(input) ?? [],
    panel: spec.panel?.(input) ?? [],
    review: readOptions(input).use_assistant_model ?? true,
    guide: (context) => spec.guide?.({ ...context, input }) ?? [],
  };
}
