import type { Engine } from '@exai/workflow';
import { z } from 'zod';

import { CallError } from './call-error.ts';
import type { Tool } from './tool.ts';

const Input = z.strictObject({
  run_id: z.string().min(1).max(200).describe('the runId in the structured result of the call that made it'),
  ok: z.boolean().describe('whether its answer turned out to be right'),
});

/** A lane of its own at the door: it takes no permit, so it never waits behind runs. */
const LANE = 'none';

/** Lets a caller say how a run turned out, which is what confidence is calibrated by. Only the run's owner may. */
export function recordOutcomeTool(engine: Engine): Tool {
  return {
    name: 'record_outcome',
    description:
      'Says whether the answer of an earlier run turned out to be right; future confidence is calibrated by it.',
    kind: 'chat',
    listedIn: 'full',
    input: Input,
    providerOf: () => LANE,
    run: async ({ arguments: given, principal }) => {
      const { run_id: runId, ok } = Input.parse(given);
      const run = await engine.get(runId);
      if (run === undefined || run.owner !== principal) {
        throw new CallError('INVALID_ARGUMENTS', `run_id must name a run of yours, got ${JSON.stringify(runId)}`);
      }
      if (run.status !== 'finished') {
        throw new CallError(
          'INVALID_ARGUMENTS',
          `run_id must name a run that has ended, got one that is ${run.status}`,
        );
      }
      await engine.recordOutcome(runId, ok);
      return { text: `recorded: the answer of run ${runId} was ${ok ? 'right' : 'wrong'}` };
    },
  };
}
