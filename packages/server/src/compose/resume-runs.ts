import type { Engine, RunSummary } from '@exai/workflow';

import type { CallService } from '../calls/call-service.ts';
import { startOf, STOPPED_BY_SERVER } from '../calls/workflow-tool.ts';

/** What {@link resumeRuns} works with; milliseconds. */
export interface ResumeRunsParts {
  readonly engine: Engine;
  readonly service: CallService;
  /** Deadline of a run whose journal names none. */
  readonly deadlineMs: number;
  /** Runs that the server stopped longer ago are left alone. */
  readonly maxAgeMs: number;
}

const MAX_RUNS = 10_000;

/** Takes up the runs that an earlier process left unfinished: cut off by a crash, or stopped by its drain. Returns how many. */
export async function resumeRuns(parts: ResumeRunsParts): Promise<number> {
  let resumed = 0;
  for (const run of await parts.engine.list({ limit: MAX_RUNS })) {
    if ((await wasCutOff(run, parts)) && (await adoptRun(run, parts))) resumed += 1;
  }
  return resumed;
}

async function wasCutOff(
  { runId, status, lastAt }: RunSummary,
  { engine, maxAgeMs }: ResumeRunsParts,
): Promise<boolean> {
  if (status === 'interrupted') return true;
  if (status !== 'finished' || Date.now() - lastAt > maxAgeMs) return false;
  const stop = (await engine.get(runId))?.result?.stop;
  return stop?.kind === 'canceled' && (stop.by === STOPPED_BY_SERVER || stop.by === 'close');
}

/** Goes on with one run nobody drives. False when it is driven by its caller, or cannot be admitted now. */
export async function adoptRun(
  { runId, workflow, owner }: RunSummary,
  parts: Pick<ResumeRunsParts, 'engine' | 'service' | 'deadlineMs'>,
): Promise<boolean> {
  const start = await startOf(parts.engine, runId);
  if (start === undefined || start.mode !== 'engine') return false;
  return parts.service.adopt({
    runId,
    tool: workflow,
    args: start.input,
    session: start.session ?? runId,
    principal: owner ?? '',
    priority: start.priority ?? 0,
    deadlineAt: start.deadlineAt ?? Date.now() + parts.deadlineMs,
  });
}
