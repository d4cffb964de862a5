import { builtInWorkflows, type Engine } from '@exai/workflow';

import { recordOutcomeTool } from '../calls/record-outcome-tool.ts';
import type { Tool } from '../calls/tool.ts';
import { workflowTool, type WorkflowToolOptions } from '../calls/workflow-tool.ts';

import type { ModelSource } from './model-source.ts';

/** What tools are made of. */
export interface ToolParts {
  readonly engine: Engine;
  readonly models: ModelSource;
  readonly rootsOf: WorkflowToolOptions['rootsOf'];
  /** Beside the built-in ones; one of the same name replaces it. */
  readonly added: readonly Tool[];
}

/** Everything a client can call, by name. */
export function createTools({ engine, models, rootsOf, added }: ToolParts): Map<string, Tool> {
  const options: WorkflowToolOptions = { engine, providerOf: (ask) => models.providerOf(ask), rootsOf };
  const workflows = Object.values(builtInWorkflows).map((workflow) => workflowTool(workflow, options));
  return new Map([...workflows, recordOutcomeTool(engine), ...added].map((tool) => [tool.name, tool]));
}
