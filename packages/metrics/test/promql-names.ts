import { parser } from '@prometheus-io/lezer-promql';

/** What a query mentions. */
export interface Mentions {
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
  /** Metric names whose selector narrows by both job and instance. */
  readonly narrowed: readonly string[];
}

/** Parses a query; throws where the grammar does not fit. */
export function parseQuery(query: string): Mentions {
  const metrics: string[] = [];
  const labels: string[] = [];
  const narrowed: string[] = [];
  parser.parse(query).iterate({
    enter(node) {
      if (node.type.isError) throw new Error(`no PromQL at ${node.from}: ${query}`);
      const text = query.slice(node.from, node.to);
      if (node.name === 'LabelName') labels.push(text);
      if (node.name !== 'VectorSelector') return;
      const name = /^[\w:]+/.exec(text)?.[0] ?? '';
      metrics.push(name);
      if (/[{,]\s*job=/.test(text) && /[{,]\s*instance=/.test(text)) narrowed.push(name);
    },
  });
  return { metrics, labels, narrowed };
}

/** The family a metric name of a query belongs to. */
export const familyOf = (metric: string): string => metric.replace(/_(bucket|sum|count)$/, '');
