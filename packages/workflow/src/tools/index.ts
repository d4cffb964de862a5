import type { Workflow } from '../define-workflow.ts';
import { analyze } from './analyze.ts';
import { challenge } from './challenge.ts';
import { chat } from './chat.ts';
import { codereview } from './codereview.ts';
import { consensus } from './consensus.ts';
import { debug } from './debug.ts';
import { docgen } from './docgen.ts';
import { planner } from './planner.ts';
import { precommit } from './precommit.ts';
import { refactor } from './refactor.ts';
import { secaudit } from './secaudit.ts';
import { testgen } from './testgen.ts';
import { thinkdeep } from './thinkdeep.ts';
import type { ToolName } from './tool-names.ts';
import { tracer } from './tracer.ts';

/** The tools that come with this package, by name. */
export const builtInWorkflows: Readonly<Record<ToolName, Workflow>> = {
  chat,
  debug,
  thinkdeep,
  analyze,
  codereview,
  planner,
  consensus,
  secaudit,
  testgen,
  refactor,
  precommit,
  tracer,
  docgen,
  challenge,
};

export { PROFILE_TOOLS, TOOL_NAMES } from './tool-names.ts';
export type { Profile, ToolName } from './tool-names.ts';
export { toolSchemas } from './tool-schemas.ts';
export type { JsonSchema, ToolSchemas } from './tool-schemas.ts';
