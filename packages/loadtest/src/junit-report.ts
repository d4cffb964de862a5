import { escapeText } from './html/html.ts';
import type { RunResult } from './run-result.ts';

interface Case {
  name: string;
  group: string;
  failure?: string;
  skipped?: string;
}

/** Writes a result as JUnit XML: one test case per threshold, self-check, permit rule and interference test. */
export function renderJunit(result: RunResult): string {
  const cases = casesOf(result);
  const failures = cases.filter(({ failure }) => failure !== undefined).length;
  const skipped = cases.filter((one) => one.skipped !== undefined).length;
  const seconds = (result.load.measuredMs / 1000).toFixed(3);
  const lines = cases.map(({ name, group, failure, skipped: why }) => {
    const open = `    <testcase classname="${escapeText(`${result.scenario.name}.${group}`)}" name="${escapeText(name)}"`;
    if (failure !== undefined) return `${open}><failure message="${escapeText(failure)}"/></testcase>`;
    return why === undefined ? `${open}/>` : `${open}><skipped message="${escapeText(why)}"/></testcase>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="${escapeText(result.scenario.name)}" tests="${cases.length}" failures="${failures}" skipped="${skipped}" errors="0" time="${seconds}" timestamp="${result.meta.startedAt}">
${lines.join('\n')}
  </testsuite>
</testsuites>
`;
}

function casesOf({ verdict, thresholds, selfChecks, permits, interference, totals }: RunResult): Case[] {
  return [
    {
      name: 'calls were answered',
      group: 'run',
      ...(verdict.status === 'unreachable' && {
        failure: verdict.reasons[0] ?? `no call of ${totals.calls} was answered`,
      }),
    },
    ...selfChecks.map(({ id, status, value, limit, unit, why }): Case => ({
      name: id,
      group: 'self-check',
      ...(status === 'fail' && { failure: `${value} ${unit}, limit ${limit}: ${why}` }),
    })),
    ...thresholds.map(({ text, status, why }): Case => ({
      name: text,
      group: 'threshold',
      ...(status === 'fail' && { failure: why }),
      // Undecided is no pass: it fails the suite unless the run was allowed to be undecided.
      ...(status === 'undecided' &&
        (verdict.reasons.some((reason) => reason.startsWith(text)) ? { failure: why } : { skipped: why })),
    })),
    ...(permits
      ? [
          {
            name: 'permits are conserved',
            group: 'audit',
            ...(permits.violations[0] && { failure: permits.violations[0].detail }),
          },
          {
            name: 'no permit is missing after the drain',
            group: 'audit',
            ...(permits.leaks > 0 && { failure: `${permits.leaks} missing` }),
          },
        ]
      : []),
    ...(interference
      ? [
          {
            name: 'no session suffers from another',
            group: 'interference',
            ...(interference.verdict === 'interference' && { failure: `p = ${interference.p.toPrecision(2)}` }),
            ...(interference.verdict === 'undecided' && { skipped: 'too few blocks' }),
            ...(interference.verdict === 'void' && { skipped: 'the client was at fault' }),
          },
        ]
      : []),
  ];
}
