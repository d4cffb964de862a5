import type { Command } from 'commander';

import { checkComparison } from '../aa-check.ts';
import { compare, type Comparison } from '../compare.ts';
import { LoadTestError } from '../load-test-error.ts';
import { EXIT } from '../verdict.ts';
import type { CliIo } from './io.ts';
import { readReports } from './offline-commands.ts';
import { parseCount, parseFactor } from './parse-flag.ts';

interface CompareFlags {
  against: string[];
  alpha: number;
  aa?: number;
  allowInconclusive: boolean;
}

/** Adds `compare`: a regression gate over JSON reports. */
export function addCompareCommand(program: Command, io: CliIo, setExit: (code: number) => void): void {
  program
    .command('compare')
    .description('compare runs after a change with runs before it; exit 5 for a regression, 8 when nothing can be said')
    .argument('[after...]', 'JSON reports after the change, four or more')
    .option('--against <files...>', 'JSON reports before the change, made in turns with those after it', [])
    .option('--alpha <share>', 'chance of a false alarm over all metrics together', parseFactor, 0.05)
    .option('--allow-inconclusive', 'too few runs do not fail the gate', false)
    .option(
      '--aa <pairs>',
      'compare a simulated server with itself so many times and print the false-alarm rate',
      parseCount,
    )
    .action(async (after: string[], flags: CompareFlags) => {
      if (flags.aa !== undefined) {
        const { alarms, pairs, alarmPercent } = await checkComparison({
          pairs: flags.aa,
          compare: { alpha: flags.alpha },
        });
        io.out(
          `A/A: ${alarms} alarms in ${pairs} comparisons without a change (${alarmPercent.toFixed(1)} %, accepted ${flags.alpha * 100} %)`,
        );
        setExit(alarmPercent <= flags.alpha * 100 ? EXIT.ok : EXIT.regression);
        return;
      }
      if (after.length === 0 || flags.against.length === 0) {
        throw new LoadTestError(
          'INVALID_OPTION',
          'compare needs reports after the change and --against reports before it',
        );
      }
      const comparison = compare(readReports(flags.against, io.cwd), readReports(after, io.cwd), {
        alpha: flags.alpha,
      });
      io.out(renderComparison(comparison));
      if (comparison.verdict === 'regressed') setExit(EXIT.regression);
      if (comparison.verdict === 'inconclusive' && !flags.allowInconclusive) setExit(EXIT.undecided);
    });
}

function renderComparison({ verdict, metrics, reasons }: Comparison): string {
  const percent = (share: number): string => (Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : 'unknown');
  return [
    verdict.replace('_', ' ').toUpperCase(),
    ...reasons.map((reason) => `  - ${reason}`),
    ...metrics.map(
      (row) =>
        `${row.metric.padEnd(13)} ${row.verdict.padEnd(12)} change ${percent(row.change)}, p ${row.p.toPrecision(2)} (corrected ${row.correctedP.toPrecision(2)}), detectable ${percent(row.detectable)}, ${row.before.length} against ${row.after.length} runs`,
    ),
  ].join('\n');
}
