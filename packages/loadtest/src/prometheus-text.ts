/** One sample of a metrics page. */
export interface MetricSample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Reads the text format of Prometheus; lines it cannot read are left out. */
export function parsePrometheus(text: string): MetricSample[] {
  return text.split('\n').flatMap((line) => {
    if (line.startsWith('#')) return [];
    const [, name, labelText = '', digits = ''] = LINE.exec(line.trim()) ?? [];
    if (name === undefined) return [];
    const labels: Record<string, string> = {};
    for (const [, key, value] of labelText.matchAll(LABEL)) if (key !== undefined) labels[key] = value ?? '';
    return [{ name, labels, value: digits === '+Inf' ? Number.POSITIVE_INFINITY : Number(digits) }];
  });
}
