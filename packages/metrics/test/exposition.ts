/** A parsed exposition: `name{a="b"}` → value, labels in alphabetical order. */
export function parseExposition(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) throw new Error(`no sample: ${line}`);
    const labels = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
      ([, name, value]) => `${name}="${value}"`,
    );
    const key = `${match[1]}{${labels.sort().join(',')}}`;
    if (samples.has(key)) throw new Error(`twice: ${key}`);
    samples.set(key, Number(match[3]));
  }
  return samples;
}
