import { fc, it as property } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import { SurvivalWindow } from '../../src/timeouts/survival-window.ts';

interface Sample {
  readonly ms: number;
  readonly censored: boolean;
}

const filled = (samples: readonly Sample[], capacity = 400): SurvivalWindow => {
  const window = new SurvivalWindow(capacity);
  for (const { ms, censored } of samples) window.add(ms, censored);
  return window;
};

/** Kaplan and Meier as in the textbook: at each length, the share of those at risk that ended. */
function textbook(samples: readonly Sample[], q: number): { quantile: number | undefined; plateau: number } {
  const lengths = [...new Set(samples.filter((s) => !s.censored).map((s) => s.ms))].sort((a, b) => a - b);
  let alive = 1;
  const curve = lengths.map((ms) => {
    const atRisk = samples.filter((s) => s.ms >= ms).length;
    const ended = samples.filter((s) => s.ms === ms && !s.censored).length;
    alive *= 1 - ended / atRisk;
    return { ms, share: 1 - alive };
  });
  const plateau = curve.at(-1)?.share ?? 0;
  return { quantile: curve.find(({ share }) => share >= q * plateau - 1e-9)?.ms, plateau };
}

describe('SurvivalWindow', () => {
  it('knows no quantile without a complete sample', () => {
    const window = filled([{ ms: 5, censored: true }]);
    expect(window.quantile(0.99)).toBeUndefined();
    expect(window.plateau).toBe(0);
  });

  it('is the plain quantile when nothing was cut short', () => {
    const window = filled(Array.from({ length: 100 }, (_, i) => ({ ms: i + 1, censored: false })));
    expect([0.5, 0.95, 0.99, 1].map((q) => window.quantile(q))).toEqual([50, 95, 99, 100]);
    expect(window.plateau).toBe(1);
  });

  it('gives the survival curve of the remission times of Freireich 1963', () => {
    const complete = [6, 6, 6, 7, 10, 13, 16, 22, 23];
    const cut = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
    const window = filled([
      ...cut.map((ms) => ({ ms, censored: true })),
      ...complete.map((ms) => ({ ms, censored: false })),
    ]);
    expect(window.plateau).toBeCloseTo(1 - 0.448, 3);
    const reaches = (survival: number): number | undefined => window.quantile((1 - survival) / window.plateau - 2e-3);
    expect([0.857, 0.807, 0.753, 0.69, 0.627, 0.538].map(reaches)).toEqual([6, 7, 10, 13, 16, 22]);
  });

  it('does not let calls that hang push the quantile to the time at which they were ended', () => {
    const healthy = Array.from({ length: 390 }, (_, i) => ({ ms: 1000 + i, censored: false }));
    const hung = Array.from({ length: 10 }, () => ({ ms: 300_000, censored: true }));
    const window = filled([...healthy, ...hung]);
    expect(window.quantile(0.99)).toBeLessThan(1390);
    expect(window.plateau).toBeCloseTo(390 / 400, 6);
  });

  it('learns from calls it ended itself that silences have become longer', () => {
    const before = filled(Array.from({ length: 200 }, (_, i) => ({ ms: 1000 + i, censored: false })));
    const ended = filled([
      ...Array.from({ length: 100 }, (_, i) => ({ ms: 1000 + i, censored: false })),
      ...Array.from({ length: 60 }, () => ({ ms: 1050, censored: true })),
      ...Array.from({ length: 40 }, (_, i) => ({ ms: 1200 + i * 50, censored: false })),
    ]);
    expect(ended.quantile(0.95) ?? 0).toBeGreaterThan((before.quantile(0.95) ?? 0) + 1000);
  });

  property.prop([
    fc.array(fc.record({ ms: fc.integer({ min: 1, max: 40 }), censored: fc.boolean() }), { maxLength: 120 }),
    fc.integer({ min: 1, max: 60 }),
    fc.double({ min: 0.01, max: 1, noNaN: true }),
  ])('agrees with the textbook on the latest samples, whatever fell out of the window', (samples, capacity, q) => {
    const window = filled(samples, capacity);
    const kept = samples.slice(-capacity);
    const expected = textbook(kept, q);
    expect(window.size).toBe(kept.length);
    expect(window.events).toBe(kept.filter((s) => !s.censored).length);
    expect(window.quantile(q)).toBe(expected.quantile);
    expect(window.plateau).toBeCloseTo(expected.plateau, 9);
    expect(window.values()).toEqual(kept.map((s) => (s.censored ? -s.ms : s.ms)));
  });

  it('keeps six bytes a sample', () => {
    const window = filled(Array.from({ length: 5000 }, () => ({ ms: 1, censored: false })));
    expect(window.bytes).toBe(400 * 6);
  });
});
