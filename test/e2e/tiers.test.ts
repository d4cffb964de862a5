import { createGLM, createKimi } from '@exai/providers';
import { createSimulator, type Simulator } from '@exai/providers/simulator';
import { TieredSemaphore } from '@exai/semaphore';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** GLM + Kimi exceed global, and a session has more calls than it may run, so each tier binds alone. */
const LIMITS = { global: 5, session: 2, glm: 4, kimi: 4 };
const NO_LIMIT = 1000;

let simulator: Simulator;
beforeEach(async () => {
  simulator = await createSimulator({ limits: { glm: NO_LIMIT, kimi: NO_LIMIT } });
});
afterEach(() => simulator.close());

/** The violations of LIMITS seen from outside: at the simulator, and by counting each session's granted calls. */
async function violations(configured: typeof LIMITS, sessions: number): Promise<string[]> {
  const gate = new TieredSemaphore({
    global: configured.global,
    session: configured.session,
    providers: { glm: configured.glm, kimi: configured.kimi },
  });
  const models = [
    createGLM({ apiKey: 'test.key', baseURL: simulator.glm.baseURL, gate }).chat('glm-4.5-flash'),
    createKimi({ apiKey: 'test-key', baseURL: simulator.kimi.baseURL, gate }).chat('kimi-k2.6'),
  ];
  const running = new Map<string, number>();
  let sessionPeak = 0;

  async function call(session: string, index: number): Promise<void> {
    const model = models[index % models.length]!;
    let granted = false;
    const request = { messages: [{ role: 'user' as const, content: 'hello' }], extra: { simulate: { serviceMs: 30 } } };
    for await (const event of model.stream(request, { session })) {
      if (event.type !== 'granted') continue;
      granted = true;
      running.set(session, (running.get(session) ?? 0) + 1);
      sessionPeak = Math.max(sessionPeak, running.get(session) ?? 0);
    }
    if (granted) running.set(session, (running.get(session) ?? 0) - 1);
  }

  await Promise.all(
    Array.from({ length: sessions }, (_, s) =>
      Promise.all(Array.from({ length: 8 }, (_, index) => call(`session-${s}`, index))),
    ),
  );
  await gate.close();
  const peak = simulator.log.peak;
  return [
    peak.total > LIMITS.global ? 'global' : '',
    peak.glm > LIMITS.glm ? 'glm' : '',
    peak.kimi > LIMITS.kimi ? 'kimi' : '',
    sessionPeak > LIMITS.session ? 'session' : '',
  ].filter((tier) => tier !== '');
}

describe('three tiers, seen by what they protect', () => {
  it('never lets more run than any tier allows', async () => {
    expect(await violations(LIMITS, 6)).toEqual([]);
  });

  it.each([
    { removed: 'global', configured: { ...LIMITS, global: NO_LIMIT } },
    { removed: 'glm', configured: { ...LIMITS, glm: NO_LIMIT } },
    { removed: 'kimi', configured: { ...LIMITS, kimi: NO_LIMIT } },
    { removed: 'session', configured: { ...LIMITS, session: 5 } },
  ])('is caught when the $removed tier is removed', async ({ removed, configured }) => {
    expect(await violations(configured, 6)).toContain(removed);
  });
});
