import { CallError } from '../src/calls/call-error.ts';

/** The code of the `CallError` a call throws; nothing when it throws none. */
export function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (CallError.is(error)) return error.code;
    throw error;
  }
  return undefined;
}
