import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { fileTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { shown } from './checklist.ts';
import { WORK_MODEL } from './models.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

/** Writes tests for existing code. */
export const testgen: Workflow = defineWorkflow({
  name: 'testgen',
  version: 1,
  kind: 'workflow',
  description: 'Write tests for code: ordinary cases, edges, failures.',
  input: workflowInput({}),
  ...WORK_MODEL,
  expert: true,
  tools: fileTools,
  systemPrompt: () =>
    workingPrompt('You write tests.', [
      'Use the test framework and style that is already there.',
      'Name each test after a behaviour. Cover the ordinary case, the edges and the failures that matter.',
      'A test must be able to fail: say which change of the code would break it.',
      'Hand over complete test code.',
    ]),
  prompt: (input) => taskPrompt(input),
  requirements: () => [
    shown('subject', 'the code under test'),
    shown('edges', 'the branches, limits or failures that the tests cover'),
  ],
  guide: stepGuide(['Read the code under test and its existing tests.', 'List behaviours, edges and failures.']),
});
