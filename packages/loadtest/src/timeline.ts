import { OK, type CallRecordSet } from './call-records.ts';
import { round } from './group-summary.ts';
import type { TimelineWindow } from './run-result.ts';
import { percentileOf } from './statistics.ts';

/** Windows of a report: enough for a curve, and about six calls in each, for below that a curve is noise. */
const MOST_WINDOWS = 60;
const FEWEST_WINDOWS = 10;
const CALLS_PER_WINDOW = 6;
const SHORTEST_WINDOW_MS = 50;

class Cell {
  ended = 0;
  busyMs = 0;
  readonly service: number[] = [];
  readonly response: number[] = [];
}

/** Cuts a run into equal windows. A call counts where it ended; in-flight is the mean over the window. */
export function timelineOf(records: CallRecordSet, endMs: number): { windowMs: number; windows: TimelineWindow[] } {
  const count = Math.min(MOST_WINDOWS, Math.max(FEWEST_WINDOWS, Math.floor(records.length / CALLS_PER_WINDOW)));
  const windowMs = Math.max(SHORTEST_WINDOW_MS, endMs / count);
  const cells = Array.from({ length: Math.max(1, Math.ceil(endMs / windowMs)) }, () => new Cell());
  const [due, lags, services] = [records.column('due'), records.column('lagMs'), records.column('serviceMs')];
  const outcomes = records.column('outcome');
  for (let row = 0; row < due.length; row += 1) {
    const [lagMs = 0, serviceMs = Number.NaN] = [lags[row], services[row]];
    if (Number.isNaN(serviceMs)) continue;
    const start = (due[row] ?? 0) + lagMs;
    const end = start + serviceMs;
    for (let index = Math.max(0, Math.floor(start / windowMs)); index * windowMs < end; index += 1) {
      const cell = cells[index];
      if (!cell) break;
      cell.busyMs += Math.min(end, (index + 1) * windowMs) - Math.max(start, index * windowMs);
    }
    const cell = cells[Math.min(cells.length - 1, Math.floor(end / windowMs))];
    if (!cell) continue;
    cell.ended += 1;
    if (outcomes[row] !== OK) continue;
    cell.service.push(serviceMs);
    cell.response.push(lagMs + serviceMs);
  }
  const windows = cells.map((cell, index) => {
    const service = new Float64Array(cell.service).sort();
    const response = new Float64Array(cell.response).sort();
    return {
      atMs: round(index * windowMs),
      ended: cell.ended,
      ok: service.length,
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
