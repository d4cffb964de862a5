import type { Page } from './build-dashboard.ts';
import type { Panel } from './panel.ts';
import { quantile, rate, series, sumBy, top } from './promql.ts';

export const requests: Panel = {
  title: 'Calls by outcome',
  description: 'Finished calls per second.',
  unit: 'reqps',
  lines: [{ expr: sumBy('mcp_requests_total', ['outcome']), legend: '{{outcome}}' }],
};

export const durations: Panel = {
  title: 'Duration of calls',
  description: 'From acceptance to the terminal frame.',
  unit: 's',
  lines: [
    { expr: quantile(0.5, 'mcp_request_duration_seconds', ['tool']), legend: 'p50 {{tool}}' },
    { expr: quantile(0.95, 'mcp_request_duration_seconds', ['tool']), legend: 'p95 {{tool}}' },
  ],
};

export const shed: Panel = {
  title: 'Shed',
  description: 'Calls and sessions refused to protect the rest.',
  unit: 'reqps',
  lines: [{ expr: sumBy('mcp_shed_total', ['reason']), legend: '{{reason}}' }],
};

export const sessions: Panel = {
  title: 'Sessions',
  description: 'Live sessions.',
  unit: 'short',
  stat: 'value',
  lines: [{ expr: `sum(${series('mcp_sessions')})`, legend: 'sessions' }],
};

export const inFlight: Panel = {
  title: 'Calls in flight',
  description: 'Calls accepted and not finished.',
  unit: 'short',
  stat: 'value',
  lines: [{ expr: `sum(${series('mcp_requests_in_flight')})`, legend: 'calls' }],
};

export const draining: Panel = {
  title: 'Draining',
  description: '1 while the server drains.',
  unit: 'short',
  stat: 'value',
  lines: [{ expr: `max(${series('mcp_draining')})`, legend: 'draining' }],
};

const account: Panel = {
  title: 'Shared limits failed',
  description: '1 while the limits shared with other servers grant nothing.',
  unit: 'short',
  stat: 'value',
  lines: [{ expr: `max(${series('mcp_account_failed')})`, legend: 'account' }],
};

const leased: Panel = {
  title: 'Permits leased from the shared limits',
  description: 'By this server, in use or not. Empty where the limits are its own.',
  unit: 'short',
  lines: [
    {
      expr: `sum by (provider, instance) (${series('mcp_account_leased')}) or vector(0)`,
      legend: '{{provider}} {{instance}}',
    },
  ],
};

const store: Panel = {
  title: 'Store failed',
  description: '1 while the store of the journals cannot be written.',
  unit: 'short',
  stat: 'value',
  lines: [{ expr: `max(${series('mcp_store_failed')})`, legend: 'store' }],
};

const faults: Panel = {
  title: 'Faults enabled',
  description: '1 while the server can be told to misbehave; 0 in earnest.',
  unit: 'short',
  stat: 'value',
  lines: [{ expr: `max(${series('exai_faults_enabled')})`, legend: 'faults' }],
};

export const eventLoop: Panel = {
  title: 'Event loop lag',
  description: 'Delay of the event loop since the last scrape.',
  unit: 's',
  lines: [{ expr: series('mcp_event_loop_lag_seconds'), legend: '{{stat}} {{instance}}' }],
};

/** Everything about sessions, sockets and calls. */
export const serverPage: Page = {
  uid: 'exai-server',
  title: 'EXAI / Server',
  description: 'Calls, sessions and sockets of the reference server.',
  rows: [
    { title: 'Now', panels: [sessions, inFlight, draining, store, account, faults] },
    {
      title: 'Calls',
      panels: [
        {
          title: 'Calls by tool',
          description: 'Finished calls per second.',
          unit: 'reqps',
          lines: [{ expr: sumBy('mcp_requests_total', ['tool', 'transport']), legend: '{{tool}} {{transport}}' }],
        },
        requests,
        durations,
        {
          title: 'Wait at the door',
          description: 'From acceptance of a call to the start of its work.',
          unit: 's',
          lines: [
            { expr: quantile(0.5, 'mcp_request_queue_seconds', []), legend: 'p50' },
            { expr: quantile(0.95, 'mcp_request_queue_seconds', []), legend: 'p95' },
          ],
        },
        {
          title: 'Errors by code',
          description: 'Calls that ended with an error.',
          unit: 'reqps',
          lines: [{ expr: top(sumBy('mcp_errors_total', ['code'])), legend: '{{code}}' }],
        },
        shed,
        {
          title: 'Idempotent replays',
          description: 'Calls answered from an earlier run of the same key.',
          unit: 'reqps',
          lines: [{ expr: `sum(${rate('mcp_idempotent_replays_total')})`, legend: 'replays' }],
        },
      ],
    },
    {
      title: 'Sessions and sockets',
      panels: [
        {
          title: 'Sessions started and ended',
          description: 'Ends by reason.',
          unit: 'ops',
          lines: [
            { expr: `sum(${rate('mcp_sessions_started_total')})`, legend: 'started' },
            { expr: sumBy('mcp_sessions_ended_total', ['reason']), legend: 'ended {{reason}}' },
          ],
        },
        {
          title: 'Connections',
          description: 'Open WebSocket connections.',
          unit: 'short',
          lines: [{ expr: series('mcp_ws_connections'), legend: '{{instance}}' }],
        },
        {
          title: 'Closes by code',
          description: 'Why connections ended.',
          unit: 'ops',
          lines: [{ expr: top(sumBy('mcp_ws_closes_total', ['code'])), legend: '{{code}}' }],
        },
        {
          title: 'Resumes',
          description: 'Attempts to take a session up again after a lost connection.',
          unit: 'ops',
          lines: [{ expr: sumBy('mcp_resumes_total', ['result']), legend: '{{result}}' }],
        },
        {
          title: 'Slowest reader',
          description: 'Unsent bytes of the connection that has most of them.',
          unit: 'bytes',
          lines: [{ expr: series('mcp_ws_buffered_bytes'), legend: '{{instance}}' }],
        },
        eventLoop,
        leased,
        {
          title: 'Drains',
          description: 'Drains begun.',
          unit: 'ops',
          lines: [{ expr: `sum(${rate('mcp_drains_total')})`, legend: 'drains' }],
        },
        {
          title: 'Trouble in the metrics themselves',
          description: 'Label values folded into other, values dropped, reads that threw. All should be flat.',
          unit: 'ops',
          lines: [
            {
              expr: `sum by (family) (${rate('mcp_metrics_label_overflow_total')}) or vector(0)`,
              legend: 'folded {{family}}',
            },
            {
              expr: `sum by (family) (${rate('mcp_metrics_invalid_values_total')}) or vector(0)`,
              legend: 'dropped {{family}}',
            },
            {
              expr: `sum by (component) (${rate('mcp_metrics_source_errors_total')}) or vector(0)`,
              legend: 'failed {{component}}',
            },
          ],
        },
      ],
    },
  ],
};
