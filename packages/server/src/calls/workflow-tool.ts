import {
  type Engine,
  type ModelEvent,
  type Run,
  type RunEvent,
  type RunResult,
  type Workflow,
  WorkflowError,
} from '@exai/workflow';

import type { StopReason } from '../protocol/index.ts';

import { CallError } from './call-error.ts';
import { canonicalJson } from './canonical-json.ts';
import { toCallError } from './to-call-error.ts';
import type { Tool, ToolContext, ToolEvent, ToolResult } from './tool.ts';

/** What a workflow needs to become a tool. */
export interface WorkflowToolOptions {
  readonly engine: Engine;
  /** The provider that would answer. */
  readonly providerOf: (ask: { readonly provider: string | undefined; readonly model: string | undefined }) => string;
  /** Folders the file tools of a session look into; nothing: the engine's. */
  readonly rootsOf: (session: string) => readonly string[] | undefined;
}

/** Makes a workflow callable: a call is a run of the engine. */
export function workflowTool(workflow: Workflow, options: WorkflowToolOptions): Tool {
  return {
    name: workflow.name,
    description: workflow.description,
    kind: workflow.kind,
    input: workflow.input,
    providerOf: (args) => {
      const [provider, model] = [textField(args, 'provider'), textField(args, 'model')];
      const fallback = model === undefined ? workflow.defaultProvider : undefined;
      return options.providerOf({ provider: provider ?? fallback, model });
    },
    run: (context) => runWorkflow(workflow, options, context),
  };
}

async function runWorkflow(
  workflow: Workflow,
  options: WorkflowToolOptions,
  context: ToolContext,
): Promise<ToolResult> {
  if (isStep(context.arguments)) return await takeStep(workflow, options, context);
  const { signal, stop } = stopSignal(context.signal);
  try {
    return await follow(workflow, options, context, signal);
  } catch (error) {
    if (!isTakenOver(error) || context.resumed || signal.aborted) throw error;
    // This server was too slow to keep its lease, and another one has the run now: its answer is the answer. Or that one ended.
    return await follow(workflow, options, context, signal);
  } finally {
    stop();
  }
}

async function follow(
  workflow: Workflow,
  options: WorkflowToolOptions,
  context: ToolContext,
  signal: AbortSignal,
): Promise<ToolResult> {
  const { run, replayed } = await openRun(workflow, options, context, signal);
  for await (const event of run) tell(event, context);
  const ended = await run.result;
  if (isLeft(ended) && !signal.aborted)
    throw new WorkflowError('FENCED', `the server that drove run ${run.runId} ended`);
  const result = toToolResult(workflow, ended, context);
  return replayed ? { ...result, replayed } : result;
}

/** Its server stopped it because that one ended, not because anybody wanted it to stop. */
function isLeft({ stop }: RunResult): boolean {
  return stop.kind === 'canceled' && stop.by === STOPPED_BY_SERVER;
}

function isTakenOver(error: unknown): boolean {
  return WorkflowError.is(error) && error.code === 'FENCED';
}

/**
 * Begins a run, or goes on with the one this call began before: a finished one answers again, one cut off by a crash continues
 * after its last completed step, one that stopped for another reason than completion gets this call's time.
 */
async function openRun(
  workflow: Workflow,
  { engine, rootsOf }: WorkflowToolOptions,
  context: ToolContext,
  signal: AbortSignal,
): Promise<{ run: Run; replayed: boolean }> {
  const { runId, session, deadlineAt, priority, principal } = context;
  // Nobody waits for it: where another server has it, that one goes on.
  if (context.resumed) return { run: engine.resume(runId, { signal, wait: false }), replayed: false };
  const earlier = context.keyed ? await engine.get(runId) : undefined;
  const start = earlier === undefined ? undefined : await startOf(engine, runId);
  if (start !== undefined && (start.workflow !== workflow.name || !isSameInput(start.input, context.arguments))) {
    throw new CallError('IDEMPOTENCY_CONFLICT', 'this idempotency key was used with other arguments');
  }
  const stopped = earlier?.result?.stop.kind;
  if (stopped !== undefined && stopped !== 'complete') {
    return { run: engine.resume(runId, { signal, grant: { deadlineAt } }), replayed: false };
  }
  const run = engine.start(workflow, context.arguments, {
    runId,
    session,
    owner: principal,
    signal,
    deadlineAt,
    priority,
    ...withRoots(rootsOf(session)),
  });
  return { run, replayed: stopped === 'complete' };
}

/** The first record of a run's journal. */
export async function startOf(
  engine: Engine,
  runId: string,
): Promise<Extract<RunEvent, { type: 'run.started' }> | undefined> {
  for await (const event of engine.events(runId)) return event.type === 'run.started' ? event : undefined;
  return undefined;
}

function isSameInput(journaled: unknown, given: unknown): boolean {
  return canonicalJson(journaled) === canonicalJson(given);
}

/** Who stopped a run; what the server itself stopped is taken up again at its next start. */
export const STOPPED_BY_SERVER = 'drain';

/** A signal for the engine that says in its words why the call ended. */
function stopSignal(signal: AbortSignal): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const onAbort = (): void => {
    const { code } = CallError.from(signal.reason);
    controller.abort({ kind: 'canceled', by: code === 'SERVER_DRAINING' ? STOPPED_BY_SERVER : 'client' });
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return { signal: controller.signal, stop: () => signal.removeEventListener('abort', onAbort) };
}

function withRoots(roots: readonly string[] | undefined): { roots?: readonly string[] } {
  return roots === undefined ? {} : { roots };
}

function isStep(args: unknown): boolean {
  return typeof args === 'object' && args !== null && Reflect.get(args, 'step') !== undefined;
}

/** One step of a run whose work the caller does. */
async function takeStep(
  workflow: Workflow,
  { engine, rootsOf }: WorkflowToolOptions,
  context: ToolContext,
): Promise<ToolResult> {
  const { session, principal, deadlineAt, priority, signal } = context;
  const instruction = await engine.submitStep(workflow, context.arguments, {
    session,
    owner: principal,
    deadlineAt,
    priority,
    signal,
    ...withRoots(rootsOf(session)),
  });
  const { status, requiredActions, result, stop, continuationId, ...rest } = instruction;
  const text = result?.text ?? requiredActions.join('\n');
  return {
    text: text === '' ? status : text,
    structured: { status, required_actions: requiredActions, continuation_id: continuationId, ...rest },
    ...(stop === undefined ? {} : { stop: toStop(stop) }),
  };
}

function tell(event: RunEvent, { emit }: ToolContext): void {
  if (event.type === 'model.delta') emit({ type: 'text', delta: event.text });
  else if (event.type === 'model.event') fromModel(event.event).forEach(emit);
  else if (event.type === 'step.started') emit({ type: 'phase', phase: 'queued' });
  else if (event.type === 'model.finished') emit({ type: 'phase', phase: 'between' });
  else if (event.type === 'claim') emit({ type: 'step', steps: event.step, confidence: event.claim.confidence });
  else if (event.type === 'step.finished') emit({ type: 'step', steps: event.step });
}

function fromModel(event: ModelEvent): ToolEvent[] {
  switch (event.type) {
    case 'waiting':
      return [{ type: 'phase', phase: 'queued' }];
    case 'granted':
      return [
        { type: 'waited', ms: event.waitedMs ?? 0 },
        { type: 'phase', phase: 'connecting' },
      ];
    case 'reasoning':
      return [{ type: 'phase', phase: 'thinking' }];
    case 'stalled':
      return [{ type: 'phase', phase: 'stalled', message: `the provider is silent for ${event.silentMs ?? 0} ms` }];
    case 'resumed':
      return [{ type: 'phase', phase: 'answering' }];
    case 'retry':
      return [{ type: 'phase', phase: 'retrying', message: `attempt ${event.attempt ?? 0} failed, another follows` }];
    default:
      return [];
  }
}

/** Chat either answers or fails; a workflow also hands back what it has when it stops for another reason. */
function toToolResult(workflow: Workflow, result: RunResult, context: ToolContext): ToolResult {
  const { stop } = result;
  if (stop.kind === 'failed') throw toCallError(stop.error);
  if (stop.kind === 'canceled') {
    throw context.signal.aborted
      ? CallError.from(context.signal.reason)
      : new CallError('CANCELLED', 'the run was cancelled');
  }
  if (stop.kind === 'deadline' && (workflow.kind === 'chat' || result.text === '')) {
    throw new CallError('DEADLINE_EXCEEDED', 'the deadline passed before there was an answer');
  }
  const { inputTokens, outputTokens, reasoningTokens, cachedTokens, totalTokens, costUsd } = result.usage;
  return {
    text: result.text,
    structured: toStructured(result),
    stop: toStop(stop),
    usage: { inputTokens, outputTokens, reasoningTokens, cachedTokens, totalTokens, costUsd },
  };
}

function toStructured(result: RunResult): Record<string, unknown> {
  return {
    runId: result.runId,
    steps: result.steps,
    confidence: result.confidence,
    coverage: result.coverage,
    ...(result.continuationId === undefined ? {} : { continuation_id: result.continuationId }),
    ...(result.model === undefined ? {} : { model: result.model }),
    ...(result.output === undefined ? {} : { output: result.output }),
    ...(result.sources === undefined ? {} : { sources: result.sources }),
  };
}

function toStop(stop: RunResult['stop']): StopReason {
  return { ...stop };
}

function textField(args: unknown, name: string): string | undefined {
  const value: unknown = typeof args === 'object' && args !== null ? Reflect.get(args, name) : undefined;
  return typeof value === 'string' ? value : undefined;
}
