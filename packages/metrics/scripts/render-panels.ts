/**
 * Draws the panels of the dashboards from a live Prometheus, for where there is no Grafana:
 * `npx tsx packages/metrics/scripts/render-panels.ts http://127.0.0.1:9090 panels.html [seconds]`.
 */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

import { PAGES } from './dashboards/pages.ts';
import type { Panel } from './dashboards/panel.ts';

interface RangeAnswer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Record<string, string>;
      readonly values: readonly [number, string][];
    }[];
  };
}

interface Series {
  readonly name: string;
  readonly points: readonly (readonly [at: number, value: number])[];
}

const SIZE = { width: 560, height: 200, left: 60, bottom: 20 };
const COLOURS = [
  '#3366cc',
  '#dc3912',
  '#ff9900',
  '#109618',
  '#990099',
  '#0099c6',
  '#dd4477',
  '#66aa00',
  '#b82e2e',
  '#316395',
];
const MAX_LEGENDS = 10;

/** Draws every page into one HTML text, over the last `seconds`. */
export async function renderPanels(prometheus: string, seconds: number): Promise<string> {
  const parts: string[] = [];
  for (const page of PAGES) {
    parts.push(`<h1>${escape(page.title)}</h1><p>${escape(page.description)}</p>`);
    for (const row of page.rows) {
      parts.push(`<h2>${escape(row.title)}</h2><div class="row">`);
      for (const panel of row.panels) parts.push(await renderPanel(prometheus, seconds, panel));
      parts.push('</div>');
    }
  }
  return `<!doctype html><meta charset="utf-8"><title>EXAI panels</title><style>body{font:13px sans-serif;margin:20px}.row{display:flex;flex-wrap:wrap;gap:16px}
.panel{box-sizing:border-box;border:1px solid #ccc;padding:8px;width:${SIZE.width}px}.stat{width:160px}.big{font-size:36px}h3{margin:0 0 4px}small{color:#555}</style>${parts.join('\n')}\n`;
}

async function renderPanel(prometheus: string, seconds: number, panel: Panel): Promise<string> {
  const series = (
    await Promise.all(panel.lines.map((line) => read(prometheus, seconds, line.expr, line.legend)))
  ).flat();
  const heading = `<h3>${escape(panel.title)}</h3><small>${escape(panel.description)} (${panel.unit})</small>`;
  if (panel.stat !== undefined) return `<div class="panel stat">${heading}${series.map(bigNumber).join('')}</div>`;
  return `<div class="panel">${heading}${graph(series)}${legend(series)}</div>`;
}

async function read(prometheus: string, seconds: number, expr: string, legendFormat: string): Promise<Series[]> {
  const end = Date.now() / 1000;
  const query = expr.replaceAll('$__rate_interval', '20s').replaceAll('$job', '.*').replaceAll('$instance', '.*');
  const step = Math.max(1, Math.round(seconds / 100));
  const search = new URLSearchParams({ query, start: String(end - seconds), end: String(end), step: String(step) });
  const response = await fetch(`${prometheus}/api/v1/query_range?${search.toString()}`);
  if (!response.ok) throw new Error(`${await response.text()}: ${query}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Prometheus' own format, stable since 2.0
  const answer = (await response.json()) as RangeAnswer;
  return answer.data.result.map(({ metric, values }) => ({
    name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''),
    points: values.map(([at, value]) => [at, Number(value)] as const).filter(([, value]) => Number.isFinite(value)),
  }));
}

function graph(series: readonly Series[]): string {
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return '<p><b>no data</b></p>';
  const [from, to] = [Math.min(...points.map(([at]) => at)), Math.max(...points.map(([at]) => at))];
  const top = Math.max(1e-9, ...points.map(([, value]) => value)) * 1.05;
  const x = (at: number): number => SIZE.left + ((at - from) / Math.max(1, to - from)) * (SIZE.width - SIZE.left - 20);
  const y = (value: number): number => (1 - value / top) * (SIZE.height - SIZE.bottom - 10) + 10;
  const lines = series.map(({ points: own }, index) => {
    const path = own.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline fill="none" stroke="${colour(index)}" stroke-width="1.5" points="${path}"/>`;
  });
  const ticks = [0, top / 2, top].map(
    (value) =>
      `<text x="2" y="${y(value) + 4}" font-size="10">${short(value)}</text><line x1="${SIZE.left}" x2="${SIZE.width - 20}" y1="${y(value)}" y2="${y(value)}" stroke="#eee"/>`,
  );
  return `<svg width="${SIZE.width}" height="${SIZE.height}">${ticks.join('')}${lines.join('')}</svg>`;
}

function legend(series: readonly Series[]): string {
  const shown = series
    .slice(0, MAX_LEGENDS)
    .map(
      ({ name, points }, index) =>
        `<span style="color:${colour(index)}">■</span> ${escape(name)} <b>${short(points.at(-1)?.[1] ?? NaN)}</b>`,
    );
  if (series.length > MAX_LEGENDS) shown.push(`and ${series.length - MAX_LEGENDS} more`);
  return `<div>${shown.join(' &nbsp; ')}</div>`;
}

function bigNumber({ name, points }: Series): string {
  return `<div class="big">${short(points.at(-1)?.[1] ?? NaN)}</div>${escape(name)}`;
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? '#000';
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

const [, script, prometheus, file = 'panels.html', seconds = '120'] = process.argv;
if (script !== undefined && prometheus !== undefined && import.meta.url === pathToFileURL(script).href)
  writeFileSync(file, await renderPanels(prometheus, Number(seconds)));
