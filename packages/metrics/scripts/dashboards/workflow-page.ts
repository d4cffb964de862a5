import type { Page } from './build-dashboard.ts';
import type { Panel } from './panel.ts';
import { quantile, series, sumBy } from './promql.ts';

export const stopReasons: Panel = {
  title: 'Why runs stop',
  description: 'Only complete is a success that was checked.',
  unit: 'ops',
  lines: [{ expr: sumBy('mcp_workflow_stops_total', ['reason']), legend: '{{reason}}' }],
};

/** Everything about workflow runs. */
export const workflowPage: Page = {
  uid: 'exai-workflow',
  title: 'EXAI / Workflows',
  description: 'How long runs are, why they stop, and how honest their confidence is.',
  rows: [
    {
      title: 'Runs',
      panels: [
        {
          title: 'Runs and steps',
          description: 'Runs started and steps finished.',
          unit: 'ops',
          lines: [
            { expr: sumBy('mcp_workflow_runs_total', ['tool']), legend: 'runs {{tool}}' },
            { expr: sumBy('mcp_workflow_steps_total', ['tool']), legend: 'steps {{tool}}' },
          ],
        },
        stopReasons,
        {
          title: 'Steps of a run',
          description: 'The safety limit is 50.',
          unit: 'short',
          lines: [
            { expr: quantile(0.5, 'mcp_workflow_run_steps', ['tool']), legend: 'p50 {{tool}}' },
            { expr: quantile(0.95, 'mcp_workflow_run_steps', ['tool']), legend: 'p95 {{tool}}' },
          ],
        },
        {
          title: 'Stops by tool',
          description: 'Which tool stops for which reason.',
          unit: 'ops',
          lines: [{ expr: sumBy('mcp_workflow_stops_total', ['tool', 'reason']), legend: '{{tool}} {{reason}}' }],
        },
      ],
    },
    {
      title: 'Honesty',
      panels: [
        {
          title: 'Calibration error',
          description: 'Distance between stated confidence and the share that was right; 0 is honest.',
          unit: 'percentunit',
          lines: [{ expr: series('mcp_workflow_calibration_error'), legend: '{{tool}}' }],
        },
        {
          title: 'Verdicts',
          description: 'Claims an expert or judge has ruled on.',
          unit: 'ops',
          lines: [{ expr: sumBy('mcp_workflow_verdicts_total', ['tool', 'result']), legend: '{{tool}} {{result}}' }],
        },
      ],
    },
  ],
};
