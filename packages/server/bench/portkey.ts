import type { Bar } from './server.bench.ts';
export async function portkey(_full: boolean): Promise<Bar[]> {
  return [];
}
