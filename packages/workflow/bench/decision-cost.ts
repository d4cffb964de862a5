import { z } from 'zod';

import { applyRecord, fold } from '../src/apply-record.ts';
import { decideState } from '../src/decide.ts';
import {
  createEngine,
  decide,
  defineWorkflow,
  evidenceTool,
  memoryStore,
  type JournalRecord,
  type Plan,
  type Workflow,
} from '../src/index.ts';
import { scriptedModel, type Reply } from '../src/testing/index.ts';
import { seeded } from './family.ts';
import { looks, reportOf, Task } from './task.ts';

/** Median cost of a decision after 50 steps, in ms. */
export interface DecisionCost {
  /** What the engine does at step 50: take the records of that step into its state and decide. */
  readonly step: number;
  /** From the whole journal, as a replay or a resume does: fold 50 steps and decide. */
  readonly folded: number;
}

const ROUNDS = 200;
const STEPS = 50;

/** Measures decisions on the journal of a run of 50 steps with a checklist of 60. */
export async function measureDecision(): Promise<DecisionCost> {
  const task = new Task(seeded(1), 60);
  const records = await journalOf(task);
  const plan = planOf(task);
  const until = records.findLastIndex((record) => record.type === 'step.finished' && record.step === STEPS);
  const prefix = records.slice(0, until + 1);
  const from = prefix.findIndex((record) => record.type === 'step.started' && record.step === STEPS);
  const last = prefix.slice(from);
  return {
    step: median(
      () => fold(prefix.slice(0, from)),
      (state) => {
        for (const record of last) applyRecord(state, record);
        return decideState(state, plan, 0);
      },
    ),
    folded: median(
      () => undefined,
      () => decide(prefix, plan, 0),
    ),
  };
}

/** The journal of a run that looks at one place of the task after the other. */
async function journalOf(task: Task): Promise<JournalRecord[]> {
  const store = memoryStore();
  const model = scriptedModel(({ request }) => (request.tools === undefined ? { text: 'final' } : nextLook(task)));
  await createEngine({ model, store }).start(toWorkflow(task), { prompt: 'task' }, { runId: 'run' }).result;
  const records: JournalRecord[] = [];
  for await (const record of store.read('run')) records.push(record as JournalRecord);
  return records;
}

function nextLook(task: Task): Reply {
  const { calls, report } = looks([task.next()], reportOf(task));
  const claim = {
    findings: report?.findings,
    confidence: report?.confidence,
    next_step_required: true,
    citations: report?.cites,
  };
  return {
    toolCalls: [
      ...calls.map(({ name, args }) => ({ name, arguments: args })),
      { name: 'report_step', arguments: claim },
    ],
  };
}

function toWorkflow(task: Task): Workflow {
  return defineWorkflow({
    name: 'bench',
    version: 1,
    description: 'A long run',
    kind: 'workflow',
    input: z.object({ prompt: z.string() }),
    systemPrompt: () => 'bench',
    prompt: ({ prompt }) => prompt,
    tools: [
      evidenceTool({
        name: 'look',
        description: 'look',
        parameters: z.object({ path: z.string() }),
        execute: ({ path }) => task.look(path),
      }),
    ],
  });
}

function planOf(task: Task): Plan {
  return {
    kind: 'workflow',
    requirements: task.requirements.map(({ id, sources }) => ({
      id,
      description: id,
      accepts: ({ source }) => sources.includes(source),
    })),
    expert: false,
    judge: false,
    estimate: () => ({ tokens: 1_000, finalTokens: 1_000 }),
  };
}

function median<T>(prepare: () => T, work: (prepared: T) => unknown): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const prepared = prepare();
    const from = performance.now();
    work(prepared);
    return performance.now() - from;
  });
  return times.sort((a, b) => a - b)[ROUNDS / 2] ?? 0;
}
