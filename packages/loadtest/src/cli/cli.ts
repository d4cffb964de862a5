import { Command, CommanderError } from 'commander';

import { LoadTestError, type LoadTestErrorCode } from '../load-test-error.ts';
import { EXIT, worseExit } from '../verdict.ts';
import { VERSION } from '../version.ts';
import type { CliIo } from './io.ts';
import { addCompareCommand } from './compare-command.ts';
import { addExperimentCommands } from './experiment-commands.ts';
import { addOfflineCommands } from './offline-commands.ts';
import { addRunCommands } from './run-command.ts';
import { addStubCommand } from './stub-command.ts';

const EXIT_OF_ERROR: Readonly<Record<LoadTestErrorCode, number>> = {
  INVALID_SCENARIO: EXIT.usage,
  INVALID_REPORT: EXIT.usage,
  INVALID_OPTION: EXIT.usage,
  TIME_SCALE_MISMATCH: EXIT.usage,
  HOST_NOT_ALLOWED: EXIT.usage,
  FAULTS_UNAVAILABLE: EXIT.usage,
  MISSING_PEER: EXIT.usage,
  UNREACHABLE: EXIT.unreachable,
};

/** Runs the command line and returns its exit code; never throws for what a user can get wrong. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  let exit: number = EXIT.ok;
  const setExit = (code: number): void => {
    exit = worseExit(exit, code);
  };
  const program = new Command('exai-loadtest')
    .description('Load tests AI tool servers, and says when its numbers cannot be trusted.')
    .version(VERSION)
    .showHelpAfterError('(add --help for the options)')
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.err(text.trimEnd()) })
    .exitOverride();
  addRunCommands(program, io, setExit);
  addOfflineCommands(program, io);
  addExperimentCommands(program, io, setExit);
  addCompareCommand(program, io, setExit);
  addStubCommand(program, io);
  for (const command of program.commands) command.copyInheritedSettings(program).exitOverride();
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!LoadTestError.is(error)) throw error;
    io.err(`${error.code}: ${error.message}`);
    return EXIT_OF_ERROR[error.code];
  }
}
