import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { renderDashboards } from '../scripts/generate-dashboards.ts';
import { FAMILIES } from '../src/index.ts';
import { familyOf, parseQuery } from './promql-names.ts';

const folder = new URL('../dashboards/', import.meta.url);

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string; readonly refId: string; readonly legendFormat: string }[];
}

const pages = [...renderDashboards()].map(([file, content]) => ({
  file,
  page: JSON.parse(content) as { uid: string; panels: Panel[] },
}));
const panels = pages.flatMap(({ file, page }) =>
  page.panels.filter(({ type }) => type !== 'row').map((panel) => [`${file} › ${panel.title}`, panel] as const),
);
const queries = panels.flatMap(([name, panel]) => (panel.targets ?? []).map(({ expr }) => [name, expr] as const));

/** A query as a data source gets it. */
const resolved = (expr: string) =>
  expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', 'exai').replaceAll('$instance', '.*');

describe('the dashboards', () => {
  test('in git are what the script generates', () => {
    const files = readdirSync(folder).toSorted();
    expect(files).toEqual([
      'exai-overview.json',
      'exai-providers.json',
      'exai-semaphore.json',
      'exai-server.json',
      'exai-workflow.json',
    ]);
    for (const [file, content] of renderDashboards()) expect(readFileSync(new URL(file, folder), 'utf8')).toBe(content);
  });

  test.each(queries)('%s: %s names only families, labels and narrows by job and instance', (_name, expr) => {
    const { metrics, labels, narrowed } = parseQuery(resolved(expr));
    expect(metrics.length).toBeGreaterThan(0);
    expect(narrowed).toEqual(metrics);
    for (const metric of metrics) expect(Object.keys(FAMILIES)).toContain(familyOf(metric));
    const known = new Set([
      ...metrics.flatMap((metric) => Object.keys(FAMILIES[familyOf(metric) as keyof typeof FAMILIES].labels)),
      'job',
      'instance',
      'le',
    ]);
    for (const label of labels) expect([...known]).toContain(label);
    if (expr.includes('rate(')) expect(expr).toContain('[$__rate_interval]');
  });

  test.each(panels)(
    '%s has a title, a description, a unit, the chosen data source and a legend on every line',
    (_name, panel) => {
      expect(panel.title).not.toBe('');
      expect(panel.description).toMatch(/\.$/);
      expect(panel.fieldConfig?.defaults.unit).toBeTruthy();
      expect(panel.datasource?.uid).toBe('${datasource}');
      expect(panel.targets?.map(({ legendFormat }) => legendFormat)).not.toContain('');
      expect(new Set(panel.targets?.map(({ refId }) => refId)).size).toBe(panel.targets?.length);
    },
  );

  test('show every family', () => {
    const shown = new Set(queries.flatMap(([, expr]) => parseQuery(resolved(expr)).metrics.map(familyOf)));
    expect([...shown].toSorted()).toEqual(Object.keys(FAMILIES).toSorted());
  });
});
