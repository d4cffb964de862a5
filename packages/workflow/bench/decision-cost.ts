import { decide, type JournalRecord, type Plan } from '../src/index.ts';
import { createEngine, memoryStore } from '../src/index.ts';
import { decideState } from '../src/decide.ts';
import { applyRecord, fold } from '../src/apply-record.ts';
import { scriptedModel } from '../src/testing/index.ts';
import { seeded } from './family.ts';
import { looks, reportOf, Task } from './task.ts';
import { z } from 'zod';
import { defineWorkflow, evidenceTool } from '../src/index.ts';

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
  const store = memoryStore();
  const workflow = defineWorkflow({
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
  const model = scriptedModel(({ request }) => {
    if (request.tools === undefined) return { text: 'final' };
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
  });
  await createEngine({ model, store }).start(workflow, { prompt: 'task' }, { runId: 'run' }).result;
  const records: JournalRecord[] = [];
  for await (const record of store.read('run')) records.push(record as JournalRecord);
  const cut = records.findLastIndex((record) => record.type === 'step.finished' && record.step === STEPS);
  const prefix = records.slice(0, cut + 1);
  const plan: Plan = {
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
  const before = records.findIndex((record) => record.type === 'step.started' && record.step === STEPS);
  const last = prefix.slice(before);
  return {
    step: median(
      () => fold(prefix.slice(0, before)),
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

function median<T>(prepare: () => T, work: (prepared: T) => unknown): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const prepared = prepare();
    const from = performance.now();
    work(prepared);
    return performance.now() - from;
  });
  return times.sort((a, b) => a - b)[ROUNDS / 2] ?? 0;
}
