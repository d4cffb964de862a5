import { execFile } from 'node:child_process';
import { devNull } from 'node:os';

import { EvidenceError } from './evidence-error.ts';

/** Longest time one git command may take, in milliseconds. */
const GIT_TIMEOUT_MS = 10_000;
/** Largest output taken from git, in bytes. */
const MAX_GIT_BYTES = 4 * 1024 * 1024;

/** git must not run anything that the repository's own configuration names. */
const SAFE_CONFIG = [
  'core.quotePath=false',
  'core.fsmonitor=false',
  `core.hooksPath=${devNull}`,
  `core.attributesFile=${devNull}`,
];

/**
 * Runs git in a folder without anything that the user's, the system's or the repository's configuration would start.
 *
 * @throws {@link EvidenceError} `GIT_FAILED`, `ABORTED`.
 */
export function git(folder: string, args: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  const config = SAFE_CONFIG.flatMap((setting) => ['-c', setting]);
  return new Promise((done, fail) => {
    execFile(
      'git',
      ['--no-pager', '--literal-pathspecs', ...config, ...args],
      { cwd: folder, env: environment(), timeout: GIT_TIMEOUT_MS, maxBuffer: MAX_GIT_BYTES, signal, encoding: 'utf8' },
      (error, stdout, stderr) => {
        if (error === null) done(stdout);
        else if (signal?.aborted === true)
          fail(new EvidenceError('ABORTED', 'git was stopped', { cause: signal.reason }));
        else fail(new EvidenceError('GIT_FAILED', firstLine(stderr) ?? `git failed: ${error.code ?? error.message}`));
      },
    );
  });
}

/** Only what git needs: no user or system configuration, no credentials, no prompt, no lock, no fetch. */
function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: devNull,
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_LAZY_FETCH: '1',
  };
}

function firstLine(text: string): string | undefined {
  const line = text.split('\n').find((candidate) => candidate.trim() !== '');
  return line?.replace(/^fatal: /, '').replaceAll(/\/[^\s']+/g, '…');
}
