import type { CallRecordSet } from './call-records.ts';
import { round } from './group-summary.ts';
import type { TimelineWindow } from './run-result.ts';
import { percentileOf } from './statistics.ts';

/** Windows of a report: enough for a curve, and about six calls in each, for below that a curve is noise. */
const MOST_WINDOWS = 60;
const FEWEST_WINDOWS = 10;
const CALLS_PER_WINDOW = 6;
const SHORTEST_WINDOW_MS = 50;

/** Cuts a run into equal windows. A call counts where it ended; in-flight is the mean over the window. */
export function timelineOf(records: CallRecordSet, endMs: number): { windowMs: number; windows: TimelineWindow[] } {
  const count = Math.min(MOST_WINDOWS, Math.max(FEWEST_WINDOWS, Math.floor(records.length / CALLS_PER_WINDOW)));
  const windowMs = Math.max(SHORTEST_WINDOW_MS, endMs / count);
  const cells = Array.from({ length: Math.max(1, Math.ceil(endMs / windowMs)) }, () => ({
    ended: 0,
    ok: 0,
    busyMs: 0,
    service: [] as number[],
    response: [] as number[],
  }));
  for (let row = 0; row < records.length; row += 1) {
    const record = records.at(row);
    const { lagMs, serviceMs } = record;
    if (Number.isNaN(serviceMs)) continue;
    const start = record.due + lagMs;
    const end = start + serviceMs;
    for (let index = Math.max(0, Math.floor(start / windowMs)); index * windowMs < end; index += 1) {
      const cell = cells[index];
      if (!cell) break;
      cell.busyMs += Math.min(end, (index + 1) * windowMs) - Math.max(start, index * windowMs);
    }
    const cell = cells[Math.min(cells.length - 1, Math.floor(end / windowMs))];
    if (!cell) continue;
    cell.ended += 1;
    if (record.outcome !== 'ok') continue;
    cell.ok += 1;
    cell.service.push(serviceMs);
    cell.response.push(lagMs + serviceMs);
  }
  const windows = cells.map((cell, index) => {
    const service = Float64Array.from(cell.service).sort();
    const response = Float64Array.from(cell.response).sort();
    return {
      atMs: round(index * windowMs),
      ended: cell.ended,
      ok: cell.ok,
      inFlight: round(cell.busyMs / windowMs),
      ...known('serviceP50', percentileOf(service, 0.5)),
      ...known('responseP50', percentileOf(response, 0.5)),
      ...known('responseP95', percentileOf(response, 0.95)),
    };
  });
  return { windowMs: round(windowMs), windows };
}

function known<K extends string>(key: K, value: number | undefined): Partial<Record<K, number>> {
  // A computed key widens to an index signature; the type says what it is.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return value === undefined ? {} : ({ [key]: round(value) } as Partial<Record<K, number>>);
}
