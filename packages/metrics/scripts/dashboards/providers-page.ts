import type { Page } from './build-dashboard.ts';
import type { Panel } from './panel.ts';
import { quantile, series, sumBy, top } from './promql.ts';

export const providerErrorRatio: Panel = {
  title: 'Provider error ratio',
  description: 'Model calls that failed, as a share of those that ended.',
  unit: 'percentunit',
  lines: [
    {
      expr: `${sumBy('mcp_provider_requests_total', ['provider'], { result: 'failed' })} / ${sumBy('mcp_provider_requests_total', ['provider'])}`,
      legend: '{{provider}}',
    },
  ],
};

export const breakerState: Panel = {
  title: 'Circuit breakers',
  description: 'Worst breaker of each provider: 0 closed, 1 half-open, 2 open.',
  unit: 'short',
  lines: [{ expr: series('mcp_provider_breaker_state'), legend: '{{provider}}' }],
};

export const firstToken: Panel = {
  title: 'Time to first token',
  description: 'From the request to the first token of any kind.',
  unit: 's',
  lines: [
    { expr: quantile(0.5, 'mcp_provider_first_token_seconds', ['provider']), legend: 'p50 {{provider}}' },
    { expr: quantile(0.95, 'mcp_provider_first_token_seconds', ['provider']), legend: 'p95 {{provider}}' },
  ],
};

export const tokens: Panel = {
  title: 'Tokens',
  description: 'Tokens per second; reasoning is part of output, cached of input.',
  unit: 'short',
  lines: [
    { expr: sumBy('mcp_provider_tokens_total', ['provider', 'direction']), legend: '{{provider}} {{direction}}' },
  ],
};

/** Everything about GLM and Kimi. */
export const providersPage: Page = {
  uid: 'exai-providers',
  title: 'EXAI / Providers',
  description: 'How the providers answer, what they cost, and what was done about trouble.',
  rows: [
    {
      title: 'Calls',
      panels: [
        {
          title: 'Model calls',
          description: 'Calls that ended, by model and result.',
          unit: 'reqps',
          lines: [{ expr: sumBy('mcp_provider_requests_total', ['model', 'result']), legend: '{{model}} {{result}}' }],
        },
        providerErrorRatio,
        {
          title: 'Duration of model calls',
          description: 'Calls that succeeded, waits included.',
          unit: 's',
          lines: [
            { expr: quantile(0.5, 'mcp_provider_request_duration_seconds', ['provider']), legend: 'p50 {{provider}}' },
            { expr: quantile(0.95, 'mcp_provider_request_duration_seconds', ['provider']), legend: 'p95 {{provider}}' },
          ],
        },
        firstToken,
      ],
    },
    {
      title: 'Consumption',
      panels: [
        tokens,
        {
          title: 'Cost',
          description: 'US dollars per hour, of calls whose price is known.',
          unit: 'currencyUSD',
          lines: [{ expr: `3600 * ${sumBy('mcp_provider_cost_usd_total', ['model'])}`, legend: '{{model}}' }],
        },
      ],
    },
    {
      title: 'Trouble',
      panels: [
        {
          title: 'Errors by code',
          description: 'Failed model calls.',
          unit: 'reqps',
          lines: [
            { expr: top(sumBy('mcp_provider_errors_total', ['provider', 'code'])), legend: '{{provider}} {{code}}' },
          ],
        },
        breakerState,
        {
          title: 'Attempts, retries and hedges',
          description: 'What was sent to the providers beyond the first try.',
          unit: 'reqps',
          lines: [
            { expr: sumBy('mcp_provider_attempts_total', ['provider']), legend: 'attempts {{provider}}' },
            {
              expr: sumBy('mcp_provider_retries_total', ['provider', 'reason']),
              legend: 'retry {{provider}} {{reason}}',
            },
            { expr: sumBy('mcp_provider_hedges_total', ['provider']), legend: 'hedge {{provider}}' },
          ],
        },
        {
          title: 'Stalls',
          description: 'Streams silent for longer than usual, and those that spoke again.',
          unit: 'ops',
          lines: [
            {
              expr: top(sumBy('mcp_provider_stalls_total', ['provider', 'phase'])),
              legend: 'stalled {{provider}} {{phase}}',
            },
            {
              expr: top(sumBy('mcp_provider_stall_recoveries_total', ['provider', 'phase'])),
              legend: 'recovered {{provider}} {{phase}}',
            },
          ],
        },
        {
          title: 'Time-outs by phase',
          description: 'Which phase of the stream fell silent.',
          unit: 'ops',
          lines: [
            {
              expr: top(sumBy('mcp_provider_timeouts_total', ['provider', 'phase'])),
              legend: '{{provider}} {{phase}}',
            },
          ],
        },
        {
          title: 'Time-outs by source of the budget',
          description: 'Learned budgets should kill fewer healthy calls than fixed ones.',
          unit: 'ops',
          lines: [{ expr: top(sumBy('mcp_provider_timeouts_total', ['source'])), legend: '{{source}}' }],
        },
        {
          title: 'Breaker changes',
          description: 'States entered.',
          unit: 'ops',
          lines: [
            {
              expr: sumBy('mcp_provider_breaker_changes_total', ['provider', 'state']),
              legend: '{{provider}} {{state}}',
            },
          ],
        },
      ],
    },
  ],
};
