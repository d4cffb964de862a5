import { describe, expect, it } from 'vitest';

import { fitPlan, type LatencyPlan, type LatencyProfile, planLatency } from '../../src/simulator/latency.ts';
import type { SimulatedCall } from '../../src/simulator/persona-reply.ts';
import { seededRandom } from '../../src/simulator/seeded-random.ts';

type Kind = Pick<SimulatedCall, 'provider' | 'thinking'>;

/** The medians of 2,001 calls of one kind. */
function mediansOf(kind: Kind, searches = false, profile: LatencyProfile = 'realistic'): LatencyPlan {
  const random = seededRandom(1);
  const call = { ...kind, random } as SimulatedCall;
  const plans = Array.from({ length: 2001 }, () => planLatency(profile, call, searches));
  const median = (key: keyof LatencyPlan): number =>
    plans.map((plan) => plan[key]).toSorted((a, b) => a - b)[1000] ?? 0;
  return {
    firstTokenMs: median('firstTokenMs'),
    reasoningMs: median('reasoningMs'),
    textMs: median('textMs'),
    pauseMs: plans.filter(({ pauseMs }) => pauseMs > 0).length / plans.length,
  };
}

const within = (share: number, value: number) => ({
  asymmetricMatch: (seen: number) => Math.abs(seen - value) <= share * value,
});

describe('the time a call takes', () => {
  it.each<[string, Kind, boolean, number, number, number, number]>([
    ['light GLM', { provider: 'glm', thinking: false }, false, 600, 0, 350 * 12, 0.02],
    ['light Kimi', { provider: 'kimi', thinking: false }, false, 600, 0, 350 * 18, 0.02],
    ['thinking GLM', { provider: 'glm', thinking: true }, false, 2000, 1200 * 18, 300 * 18, 0.1],
    ['thinking Kimi', { provider: 'kimi', thinking: true }, false, 2500, 1500 * 22, 350 * 22, 0.08],
    ['searching GLM', { provider: 'glm', thinking: true }, true, 9000, 1200 * 18, 300 * 18, 0.1],
  ])('is that of a %s call', (_, kind, searches, firstTokenMs, reasoningMs, textMs, pauses) => {
    expect(mediansOf(kind, searches)).toEqual({
      firstTokenMs: within(0.1, firstTokenMs),
      reasoningMs: within(0.1, reasoningMs),
      textMs: within(0.1, textMs),
      pauseMs: within(0.5, pauses),
    });
  });

  it('follows what a function says of it, and the usual for the rest', () => {
    const profile = (): { firstTokenMs: number; pauseChance: number } => ({ firstTokenMs: 50, pauseChance: 1 });
    expect(mediansOf({ provider: 'glm', thinking: false }, false, profile)).toMatchObject({
      firstTokenMs: within(0.1, 50),
      textMs: within(0.1, 4200),
      pauseMs: 1,
    });
  });

  it('is none for instant', () => {
    const call = { provider: 'glm', thinking: true, random: () => 0.5 } as SimulatedCall;
    expect(planLatency('instant', call, true)).toEqual({ firstTokenMs: 0, reasoningMs: 0, textMs: 0, pauseMs: 0 });
  });

  it.each([true, false])('fits a given service time exactly (thinking: %s)', (thinking) => {
    const plan = fitPlan(1000, thinking);
    expect(plan).toEqual({
      firstTokenMs: 200,
      reasoningMs: thinking ? 400 : 0,
      textMs: thinking ? 400 : 800,
      pauseMs: 0,
    });
  });
});
