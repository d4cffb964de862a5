/** What was changed or noticed without ending the call. */
export type WarningCode =
  | 'UNKNOWN_OPTION'
  | 'PARAMETER_DROPPED'
  | 'PARAMETER_CHANGED'
  | 'TOOL_CHOICE_CHANGED'
  | 'THINKING_CHANGED'
  | 'SCHEMA_CHANGED'
  | 'TOOL_RENAMED'
  | 'HISTORY_REPAIRED'
  | 'TOOL_CALL_REPAIRED'
  | 'SERVER_TOOL_SKIPPED'
  | 'BAD_LINE_SKIPPED'
  | 'HEDGE_USAGE_UNKNOWN'
  | 'BUDGET_CAPPED'
  | 'UNKNOWN_FINISH';

/** One warning, and the field of the request it is about. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
  /** Path in the request, such as `tools[0].name`. */
  readonly field?: string;
}
