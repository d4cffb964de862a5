import { formatMs } from '../duration.ts';
import type { PermitAudit, PermitSample, RunResult } from '../run-result.ts';
import { html, type Html } from './html.ts';
import { renderLineChart, type Series } from './line-chart.ts';

/** Permits in use over time, and what the audit of the server's readings found. */
export function renderPermits({ load }: RunResult, permits: PermitAudit): Html {
  const { violations, recoveries } = permits;
  return html`<h2>Permits</h2>
    <div class="two">
      ${renderPermitChart(load, permits.samples)}
      <div class="panel">
        <h3>Audit of ${permits.scrapes} readings</h3>
        <table>
          <tbody>
            <tr>
              <td>violations of conservation</td>
              <td>${violations.length}</td>
            </tr>
            <tr>
              <td>readings over capacity</td>
              <td>${permits.overCapacity}</td>
            </tr>
            <tr>
              <td>permits missing after the drain</td>
              <td>${permits.leaks}</td>
            </tr>
            <tr>
              <td>leaks found by the server</td>
              <td>${permits.leaksDetected}</td>
            </tr>
            <tr>
              <td>recoveries (success, partial, failed)</td>
              <td>${recoveries.success}, ${recoveries.partial}, ${recoveries.failed}</td>
            </tr>
            <tr>
              <td>failed readings</td>
              <td>${permits.failedScrapes}</td>
            </tr>
          </tbody>
        </table>
        ${
          violations.length > 0 &&
          html`<ul class="small">
            ${violations.slice(0, 8).map(({ atMs, rule, detail }) => html`<li>${formatMs(atMs)}: ${rule} (${detail})</li>`)}
          </ul>`
        }
      </div>
    </div>`;
}

function renderPermitChart(load: RunResult['load'], samples: readonly PermitSample[]): Html {
  const points = (type: string, provider: string, pick: 'inUse' | 'capacity'): Series['points'] =>
    samples.map(({ atMs, tiers }) => ({
      x: atMs,
      y: tiers.find((tier) => tier.type === type && tier.provider === provider)?.[pick],
    }));
  const providers = [
    ...new Set(
      samples.flatMap(({ tiers }) => tiers.filter(({ type }) => type === 'provider').map(({ provider }) => provider)),
    ),
  ].slice(0, 2);
  return renderLineChart({
    title: 'Permits in use, as the server reports them',
    endMs: Math.max(load.warmupMs + load.measuredMs + load.drainedMs, samples.at(-1)?.atMs ?? 0),
    formatY: (value) => String(value),
    series: [
      { name: 'global', colour: 'a', points: points('global', 'none', 'inUse'), isStep: true, isArea: true },
      {
        name: 'global capacity',
        colour: 'd',
        points: points('global', 'none', 'capacity'),
        isStep: true,
        isDashed: true,
      },
      ...providers.map((provider, index) => ({
        name: provider,
        colour: index === 0 ? ('b' as const) : ('c' as const),
        points: points('provider', provider, 'inUse'),
        isStep: true,
      })),
    ],
  });
}
