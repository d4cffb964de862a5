import type { Page } from './build-dashboard.ts';
import { breakerState, firstToken, providerErrorRatio, providersPage, tokens } from './providers-page.ts';
import { leakedNow, permitsInUse, queueDepth, semaphorePage, waits } from './semaphore-page.ts';
import { draining, durations, eventLoop, inFlight, requests, serverPage, sessions, shed } from './server-page.ts';
import { series } from './promql.ts';
import { stopReasons, workflowPage } from './workflow-page.ts';

const overviewPage: Page = {
  uid: 'exai-overview',
  title: 'EXAI / Overview',
  description: 'One look: is anything lost, full, slow or failing?',
  rows: [
    {
      title: 'Now',
      panels: [
        leakedNow,
        sessions,
        inFlight,
        draining,
        {
          title: 'Version',
          description: 'What runs.',
          unit: 'short',
          stat: 'name',
          lines: [{ expr: series('mcp_build_info'), legend: '{{version}} on {{node}}' }],
        },
      ],
    },
    { title: 'Calls', panels: [requests, durations, shed, eventLoop] },
    { title: 'Permits', panels: [permitsInUse, queueDepth, waits, stopReasons] },
    { title: 'Providers', panels: [providerErrorRatio, breakerState, firstToken, tokens] },
  ],
};

/** Every page that ships, the overview first. */
export const PAGES: readonly Page[] = [overviewPage, semaphorePage, providersPage, workflowPage, serverPage];
