import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel as GrafanaPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  BigValueTextMode,
  VizLegendOptionsBuilder,
  LegendDisplayMode,
  LegendPlacement,
} from '@grafana/grafana-foundation-sdk/common';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** One line of a panel: a query and how its series are called. */
export interface Line {
  readonly expr: string;
  readonly legend: string;
}

/** A panel before it has a place on a page. Units are Grafana's: `s`, `short`, `reqps`, `percentunit` … */
export interface Panel {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly lines: readonly Line[];
  /** One big number, or the name of the series, instead of a graph. */
  readonly stat?: 'value' | 'name';
}

/** The data source chosen on the page. */
export const DATASOURCE: { readonly type: string; readonly uid: string } = { type: 'prometheus', uid: '${datasource}' };

const STAT_SIZE = { width: 4, height: 4 };
const GRAPH_SIZE = { width: 12, height: 8 };

/** Builds the Grafana panel. */
export function buildPanel(panel: Panel): Builder<GrafanaPanel> {
  return panel.stat === undefined ? buildGraph(panel) : buildStat(panel);
}

function buildStat({ title, description, unit, lines, stat }: Panel): Builder<GrafanaPanel> {
  const builder = new StatBuilder().title(title).description(description).unit(unit).datasource(DATASOURCE);
  builder.textMode(stat === 'name' ? BigValueTextMode.Name : BigValueTextMode.Value);
  builder.span(STAT_SIZE.width).height(STAT_SIZE.height);
  for (const query of queries(lines)) builder.withTarget(query);
  return builder;
}

function buildGraph({ title, description, unit, lines }: Panel): Builder<GrafanaPanel> {
  const builder = new TimeSeriesBuilder().title(title).description(description).unit(unit).datasource(DATASOURCE);
  builder.span(GRAPH_SIZE.width).height(GRAPH_SIZE.height).min(0).fillOpacity(10);
  builder.legend(
    new VizLegendOptionsBuilder()
      .displayMode(LegendDisplayMode.List)
      .placement(LegendPlacement.Bottom)
      .showLegend(true),
  );
  for (const query of queries(lines)) builder.withTarget(query);
  return builder;
}

function queries(lines: readonly Line[]): DataqueryBuilder[] {
  return lines.map(({ expr, legend }, index) =>
    new DataqueryBuilder()
      .refId(String.fromCodePoint('A'.charCodeAt(0) + index))
      .expr(expr)
      .legendFormat(legend)
      .range(),
  );
}
