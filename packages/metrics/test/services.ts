import { spawnSync } from 'node:child_process';

/**
 * True when every program is installed. Without one it prints one line, and the caller skips; where `EXAI_REQUIRE_SERVICES=1`
 * is set it throws instead.
 */
export function hasPrograms(suite: string, programs: readonly string[]): boolean {
  const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0);
  if (missing.length === 0) return true;
  const line = `${suite} needs ${missing.join(', ')}: apt-get install prometheus prometheus-alertmanager`;
  if (process.env['EXAI_REQUIRE_SERVICES'] === '1') throw new Error(line);
  console.log(`skipped: ${line}`);
  return false;
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; input?: string } = {},
): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', ...options });
  return { code: status, output: `${stdout}${stderr}` };
}
