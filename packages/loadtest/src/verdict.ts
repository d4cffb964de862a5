import type { InterferenceResult } from './interference.ts';
import type { RunResult } from './run-result.ts';

/** Exit codes, in the order in which they win. */
export const EXIT = {
  ok: 0,
  threshold: 1,
  usage: 2,
  unreachable: 3,
  void: 4,
  regression: 5,
  permits: 6,
  interference: 7,
  undecided: 8,
  interrupted: 130,
} as const;

/** What a verdict is made of. */
export type VerdictInput = Pick<RunResult, 'selfChecks' | 'thresholds' | 'totals' | 'permits' | 'wire'> & {
  interrupted: boolean;
  allowUndecided: boolean;
  interference?: InterferenceResult;
  /** Faults that the target did not carry out: what was to be tested was not. */
  failedFaults: readonly string[];
};

/** Decides how the run ends; every reason is listed, the first one in the order of {@link EXIT} sets the exit code. */
export function verdictOf(input: VerdictInput): RunResult['verdict'] {
  const { totals, permits } = input;
  const reasons: string[] = [];
  const exits: number[] = [];
  const add = (exit: number, reason: string): void => {
    exits.push(exit);
    reasons.push(reason);
  };
  if (input.interrupted) add(EXIT.interrupted, 'the run was interrupted');
  if (totals.outcomes.ok + answered(totals) === 0) add(EXIT.unreachable, nothingCame(input));
  for (const check of input.selfChecks) {
    if (check.status === 'fail')
      add(EXIT.void, `void: ${check.id} is ${check.value} ${check.unit} (limit ${check.limit}): ${check.why}`);
  }
  for (const fault of input.failedFaults) add(EXIT.void, `void: the fault was not injected: ${fault}`);
  if (permits && permits.violations.length > 0) {
    add(EXIT.permits, `permits: ${permits.violations[0]?.rule ?? ''} (${permits.violations.length} violations)`);
  }
  if (permits && permits.leaks > 0) add(EXIT.permits, `permits: ${permits.leaks} still missing after the drain`);
  const { interference } = input;
  for (const { id, status, value, unit, limit, why } of interference?.selfChecks ?? []) {
    if (status === 'fail')
      add(EXIT.void, `void: the interference test: ${id} is ${value} ${unit} (limit ${limit}): ${why}`);
  }
  if (interference?.verdict === 'interference') {
    add(
      EXIT.interference,
      `interference: one session slows another by ${interference.effectMs.toFixed(1)} ms (p = ${interference.p.toPrecision(2)})`,
    );
  }
  if (interference?.verdict === 'undecided' && !input.allowUndecided)
    add(EXIT.undecided, 'interference is undecided: too few blocks');
  for (const { status, text, why } of input.thresholds) {
    if (status === 'fail') add(EXIT.threshold, `${text} does not hold: ${why}`);
    if (status === 'undecided' && !input.allowUndecided) add(EXIT.undecided, `${text} is undecided: ${why}`);
  }
  const exit = ORDER.find((code) => exits.includes(code)) ?? EXIT.ok;
  return { exit, status: STATUS[exit] ?? 'failed', reasons };
}

const ORDER: readonly number[] = [
  EXIT.interrupted,
  EXIT.usage,
  EXIT.unreachable,
  EXIT.void,
  EXIT.permits,
  EXIT.interference,
  EXIT.threshold,
  EXIT.regression,
  EXIT.undecided,
];

/** The one of two exit codes that wins. */
export function worseExit(a: number, b: number): number {
  return ORDER.find((code) => code === a || code === b) ?? EXIT.ok;
}

const STATUS: Readonly<Record<number, RunResult['verdict']['status']>> = {
  [EXIT.ok]: 'passed',
  [EXIT.unreachable]: 'unreachable',
  [EXIT.void]: 'void',
  [EXIT.undecided]: 'undecided',
  [EXIT.interrupted]: 'interrupted',
};

/** Ends that the target itself brought about: without any there was no test. */
function answered({ outcomes }: RunResult['totals']): number {
  return outcomes.stopped + outcomes.tool_error + outcomes.rejected + outcomes.timeout_server + outcomes.protocol_error;
}

function nothingCame({ totals, wire }: VerdictInput): string {
  if (wire.connectsTried > 0 && wire.connectsOpened === 0)
    return `no connection of ${wire.connectsTried} could be opened`;
  return `no call of ${totals.calls} was answered`;
}
