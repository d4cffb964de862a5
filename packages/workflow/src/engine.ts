import type { Engine } from './engine-contract.ts';
import type { EngineOptions } from './engine-options.ts';
import { WorkflowEngine } from './workflow-engine.ts';

export type { Engine } from './engine-contract.ts';

/**
 * Makes an engine.
 *
 * @throws TypeError without `model` and `models`, or for a root that is no folder.
 */
export function createEngine(options: EngineOptions): Engine {
  return new WorkflowEngine(options);
}
