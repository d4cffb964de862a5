import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Workflow } from '../../src/index.ts';
import { scriptedModel, type ScriptedModel } from '../../src/testing/index.ts';
import { partAnswer, partSteps } from '../part-steps.ts';

/** Steps of the agent, the last one being the report of the end. */
export const STEPS = 8;
/** The step whose model call waits for the file `go` in the folder. */
export const GATE = 3;
const LOOK_MS = 25;

/** A workflow whose tool leaves one line per execution in the folder's `notes`. */
export function gatedSteps(dir: string): Workflow {
  return partSteps({
    name: 'gated-steps',
    description: 'Steps that wait in the middle',
    steps: STEPS,
    note: (line) => note(dir, line),
  });
}

/** The agent: takes `stepMs` per step, and at the gate as long as it takes. The prompt of a run is its name in the notes. */
export function gatedModel(dir: string, stepMs: number): ScriptedModel {
  return scriptedModel(async ({ request, options: { signal } }) => {
    const step = request.messages.filter(({ role }) => role === 'assistant').length + 1;
    const name = /run-[\w-]+/.exec(JSON.stringify(request.messages))?.[0] ?? 'unknown';
    note(dir, `model ${name} ${request.tools === undefined ? 'final' : step}`);
    await sleep(stepMs, undefined, { signal });
    if (step === GATE) await opened(join(dir, 'go'), signal);
    if (request.tools === undefined) return { text: `${name} is done` };
    return partAnswer(step, STEPS);
  });
}

async function opened(path: string, signal: AbortSignal | undefined): Promise<void> {
  while (!existsSync(path)) await sleep(LOOK_MS, undefined, { signal });
}

function note(dir: string, line: string): void {
  appendFileSync(join(dir, 'notes'), `${line}\n`);
}
