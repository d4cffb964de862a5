import type { z } from 'zod';

import type { Roots } from './evidence/roots.ts';
import { WorkflowError } from './workflow-error.ts';

/** What a tool may use while it runs. */
export interface ToolContext {
  /** Aborts when the run is canceled, when a sibling failed for good, or when the deadline passes. */
  readonly signal: AbortSignal;
  /** The folders the tool may look into; no folders when the engine has none. */
  readonly roots: Roots;
  /** The same for every attempt of this call, also after a crash: `run:seq:index`. A side effect must use it. */
  readonly idempotencyKey: string;
}

/** One thing seen. */
export interface EvidenceItem {
  /**
   * Canonical identity of *where* it was seen, the same for every way of asking: `src/a.ts:1-40` for lines of a file,
   * `src` for a search or a listing under a folder (not the search words). New evidence is a new pair of
   * source and text, so a source that contains the question makes a loop look like progress.
   */
  readonly source: string;
  readonly text: string;
}

/** What a tool hands back. */
export interface ToolOutput {
  /** The text for the model. */
  readonly content: string;
  /** Canonical identity of where the content comes from; see {@link EvidenceItem.source}. */
  readonly source: string;
  /** The things seen, when one call saw several (hits of a search in several files). Default: one, `{source, text: content}`. */
  readonly evidence?: readonly EvidenceItem[];
  /** The call did not give what was asked (no such file). It counts as an error, not as evidence. */
  readonly isError?: boolean;
}

/** A tool the model may call to look at something (or to change something). */
export interface EvidenceTool {
  readonly name: string;
  readonly description: string;
  /** Arguments; shown to the model as JSON Schema and parsed before `execute`. */
  readonly parameters: z.ZodType;
  /** Offered only when the engine has roots. */
  readonly needsRoots: boolean;
  /** Changes something outside. Its record is never shortened away from the prompt. */
  readonly sideEffect: boolean;
  /**
   * What a resume does with a call that was started and never finished: `retry` runs it again with the same
   * idempotency key, `ask` suspends the run for a human, `fail` hands the model an error.
   */
  readonly onUnknown: 'retry' | 'ask' | 'fail';
  /** Repeating the call is legitimate waiting for up to `maxMs` (ms) since its first identical call. */
  readonly poll?: { readonly maxMs: number };
  /** What makes two calls the same to the loop detectors; `false` exempts the tool. Default: the arguments. */
  readonly loopKey?: ((args: unknown) => string) | false;
  /** Runs one call with unparsed arguments. Rejects with `INVALID_ARGUMENTS` when they do not fit. */
  execute(args: unknown, context: ToolContext): Promise<ToolOutput>;
}

/** What {@link evidenceTool} takes: the tool with typed arguments. */
export interface EvidenceToolSpec<S extends z.ZodType> {
  readonly name: string;
  readonly description: string;
  readonly parameters: S;
  /** @defaultValue false */
  readonly needsRoots?: boolean;
  /** @defaultValue false */
  readonly sideEffect?: boolean;
  /** @defaultValue 'retry' without side effects, 'ask' with them */
  readonly onUnknown?: 'retry' | 'ask' | 'fail';
  readonly poll?: { readonly maxMs: number };
  readonly loopKey?: ((args: unknown) => string) | false;
  execute(args: z.infer<S>, context: ToolContext): Promise<ToolOutput> | ToolOutput;
}

/** Makes a tool out of a typed specification: arguments are parsed before `execute` sees them. */
export function evidenceTool<S extends z.ZodType>(spec: EvidenceToolSpec<S>): EvidenceTool {
  const sideEffect = spec.sideEffect ?? false;
  return {
    name: spec.name,
    description: spec.description,
    parameters: spec.parameters,
    needsRoots: spec.needsRoots ?? false,
    sideEffect,
    onUnknown: spec.onUnknown ?? (sideEffect ? 'ask' : 'retry'),
    ...(spec.poll === undefined ? {} : { poll: spec.poll }),
    ...(spec.loopKey === undefined ? {} : { loopKey: spec.loopKey }),
    execute: async (args, context) => {
      const parsed = spec.parameters.safeParse(args);
      if (!parsed.success) throw new WorkflowError('INVALID_ARGUMENTS', `${spec.name}: ${issuesOf(parsed.error)}`);
      return await spec.execute(parsed.data, context);
    },
  };
}

/** The issues of a failed parse as one line: `path: message; …`. */
export function issuesOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`).join('; ');
}
