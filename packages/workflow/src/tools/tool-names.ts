/** Names of the tools that come with this package, in the order they are listed. */
export const TOOL_NAMES = [
  'chat',
  'debug',
  'thinkdeep',
  'analyze',
  'codereview',
  'planner',
  'consensus',
  'secaudit',
  'testgen',
  'refactor',
  'precommit',
  'tracer',
  'docgen',
  'challenge',
] as const;

/** Name of one tool that comes with this package. */
export type ToolName = (typeof TOOL_NAMES)[number];

/**
 * How much is listed to a client. `lean`: the five tools asked for first, and the fields most calls need. `standard`:
 * more tools, every field of an engine-driven call. `full`: every tool, and the fields of caller-driven steps too.
 */
export type Profile = 'lean' | 'standard' | 'full';

/** The tools each {@link Profile} lists. */
export const PROFILE_TOOLS: Readonly<Record<Profile, readonly ToolName[]>> = {
  lean: TOOL_NAMES.slice(0, 5),
  standard: TOOL_NAMES.filter((name) => name !== 'tracer' && name !== 'docgen'),
  full: TOOL_NAMES,
};
