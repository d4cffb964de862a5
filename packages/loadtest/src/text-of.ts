/** Text from a field of an unknown frame, or what stands for it. */
export function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
