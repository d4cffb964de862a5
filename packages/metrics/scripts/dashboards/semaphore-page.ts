import type { Page } from './build-dashboard.ts';
import type { Panel } from './panel.ts';
import { quantile, series, sumBy, top } from './promql.ts';

const TIER = '{{semaphore_type}} {{provider}}';

export const permitsInUse: Panel = {
  title: 'Permits in use',
  description: 'Held permits as a share of what the limit allows now. At 100 % calls wait.',
  unit: 'percentunit',
  lines: [
    {
      expr: `${series('mcp_semaphore_in_use', { semaphore_type: 'global' })} / ${series('mcp_semaphore_limit', { semaphore_type: 'global' })}`,
      legend: 'global',
    },
    {
      expr: `${series('mcp_semaphore_in_use', { semaphore_type: 'provider' })} / ${series('mcp_semaphore_limit', { semaphore_type: 'provider' })}`,
      legend: '{{provider}}',
    },
  ],
};

export const queueDepth: Panel = {
  title: 'Calls waiting for a permit',
  description: 'Queue length per tier.',
  unit: 'short',
  lines: [{ expr: series('mcp_semaphore_queue_depth'), legend: TIER }],
};

export const waits: Panel = {
  title: 'Wait for a permit',
  description: 'Time a tier was full while a call waited for it.',
  unit: 's',
  lines: [
    { expr: quantile(0.5, 'mcp_semaphore_wait_seconds', ['semaphore_type']), legend: 'p50 {{semaphore_type}}' },
    { expr: quantile(0.95, 'mcp_semaphore_wait_seconds', ['semaphore_type']), legend: 'p95 {{semaphore_type}}' },
  ],
};

export const leakedNow: Panel = {
  title: 'Leaked now',
  description:
    'Permits proven leaked or lost and not yet reclaimed: expected minus current value, 0 when healthy however busy.',
  unit: 'short',
  stat: 'value',
  lines: [
    {
      expr: `sum(${series('mcp_semaphore_expected_value', { semaphore_type: 'global' })} - ${series('mcp_semaphore_current_value', { semaphore_type: 'global' })})`,
      legend: 'permits',
    },
  ],
};

export const refusals: Panel = {
  title: 'Refused acquires',
  description: 'Acquires that got no permit, by code.',
  unit: 'reqps',
  lines: [{ expr: top(sumBy('mcp_semaphore_acquisition_failures_total', ['reason'])), legend: '{{reason}}' }],
};

/** Everything about permits. */
export const semaphorePage: Page = {
  uid: 'exai-semaphore',
  title: 'EXAI / Semaphore',
  description: 'Who holds permits, who waits, and whether any got lost.',
  rows: [
    { title: 'Load', panels: [permitsInUse, queueDepth, waits, refusals] },
    {
      title: 'Capacity',
      panels: [
        {
          title: 'Capacity and adaptive limit',
          description: 'The limit falls when a provider is overloaded and grows back to the capacity.',
          unit: 'short',
          lines: [
            { expr: series('mcp_semaphore_capacity', { semaphore_type: 'global' }), legend: 'capacity global' },
            { expr: series('mcp_semaphore_capacity', { semaphore_type: 'provider' }), legend: 'capacity {{provider}}' },
            { expr: series('mcp_semaphore_limit', { semaphore_type: 'global' }), legend: 'limit global' },
            { expr: series('mcp_semaphore_limit', { semaphore_type: 'provider' }), legend: 'limit {{provider}}' },
          ],
        },
        {
          title: 'Moves of the adaptive limit',
          description: 'How often the limit moved, by direction.',
          unit: 'ops',
          lines: [
            { expr: sumBy('mcp_semaphore_limit_changes_total', ['provider', 'move']), legend: '{{provider}} {{move}}' },
          ],
        },
        {
          title: 'Calls at a provider now',
          description: 'Provider calls that hold a permit.',
          unit: 'short',
          lines: [{ expr: series('mcp_concurrent_requests'), legend: '{{provider}}' }],
        },
        {
          title: 'Grants and releases',
          description: 'The two run together unless permits are lost.',
          unit: 'ops',
          lines: [
            { expr: sumBy('mcp_semaphore_grants_total', ['semaphore_type']), legend: 'granted {{semaphore_type}}' },
            { expr: sumBy('mcp_semaphore_releases_total', ['semaphore_type']), legend: 'released {{semaphore_type}}' },
          ],
        },
      ],
    },
    {
      title: 'Leaks and recovery',
      panels: [
        {
          title: 'Leaked or lost by tier',
          description:
            'Expected minus current value: permits without a live holder, not yet reclaimed or in quarantine.',
          unit: 'short',
          lines: [
            {
              expr: `${series('mcp_semaphore_expected_value')} - ${series('mcp_semaphore_current_value')}`,
              legend: TIER,
            },
          ],
        },
        {
          title: 'Leaked and recovered permits',
          description: 'Permits proven leaked or lost, and permits brought back.',
          unit: 'ops',
          lines: [
            {
              expr: sumBy('mcp_semaphore_leaks_detected_total', ['semaphore_type']),
              legend: 'leaked {{semaphore_type}}',
            },
            {
              expr: sumBy('mcp_semaphore_permits_recovered_total', ['semaphore_type']),
              legend: 'recovered {{semaphore_type}}',
            },
          ],
        },
        {
          title: 'Recoveries',
          description: 'Recoveries that found something, by outcome.',
          unit: 'ops',
          lines: [
            {
              expr: sumBy('mcp_semaphore_recoveries_total', ['status'], { semaphore_type: 'global' }),
              legend: '{{status}}',
            },
          ],
        },
        {
          title: 'Oldest holder',
          description: 'Age of the oldest held permit. Above the longest call something hangs.',
          unit: 's',
          lines: [{ expr: series('mcp_semaphore_oldest_holder_age_seconds'), legend: TIER }],
        },
        {
          title: 'Overdue holders and late releases',
          description: 'Permits held longer than asked, and releases that came after reclaim.',
          unit: 'ops',
          lines: [
            { expr: sumBy('mcp_semaphore_overdue_total', ['provider']), legend: 'overdue {{provider}}' },
            { expr: sumBy('mcp_semaphore_late_releases_total', ['semaphore_type']), legend: 'late {{semaphore_type}}' },
          ],
        },
        {
          title: 'Health checks',
          description: 'Checks by what they found; one every 30 s by default.',
          unit: 'ops',
          lines: [{ expr: sumBy('mcp_semaphore_health_checks_total', ['status']), legend: '{{status}}' }],
        },
      ],
    },
  ],
};
