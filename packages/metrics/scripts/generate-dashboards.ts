/** Writes `dashboards/*.json`: `npx tsx packages/metrics/scripts/generate-dashboards.ts`. */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

import { buildDashboard } from './dashboards/build-dashboard.ts';
import { PAGES } from './dashboards/pages.ts';

/** File name → content of every dashboard. */
export function renderDashboards(): ReadonlyMap<string, string> {
  return new Map(PAGES.map((page) => [`${page.uid}.json`, `${JSON.stringify(buildDashboard(page), null, 2)}\n`]));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  for (const [file, content] of renderDashboards())
    writeFileSync(new URL(`../dashboards/${file}`, import.meta.url), content);
