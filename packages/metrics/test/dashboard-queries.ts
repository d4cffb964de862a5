import { renderDashboards } from '../scripts/generate-dashboards.ts';

/** Every query of every dashboard, with the page's variables filled in: page and panel title, and the query. */
export function dashboardQueries(window: string): readonly (readonly [string, string])[] {
  return [...renderDashboards()].flatMap(([file, content]) => {
    const panels: { title: string; targets?: { expr: string }[] }[] = JSON.parse(content).panels;
    return panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [`${file} › ${title}`, fill(expr, window)] as const),
    );
  });
}

function fill(expr: string, window: string): string {
  return expr.replaceAll('$__rate_interval', window).replaceAll('$job', 'exai').replaceAll('$instance', '.*');
}
