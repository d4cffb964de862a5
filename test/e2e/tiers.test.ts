import { createGLM, createKimi } from '@exai/providers';
import { createSimulator, type Simulator } from '@exai/providers/simulator';
import { TieredSemaphore } from '@exai/semaphore';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** GLM + Kimi exceed global, and a session has more calls than it may run, so each tier binds alone. */
const LIMITS = { global: 5, session: 2, glm: 4, kimi: 4 };
const NO_LIMIT = 1000;

let simulator: Simulator;
beforeEach(async () => {
  simulator = await createSimulator({ limits: { glm: NO_LIMIT, kimi: NO_LIMIT }, recordRequests: true });
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

  async function runSession(session: string): Promise<void> {
    const request = {
      messages: [{ role: 'user' as const, content: 'hello' }],
      userId: session,
      extra: { simulate: { serviceMs: 30 } },
    };
    const calls = Array.from({ length: 8 }, (_, index) => models[index % models.length]!);
    await Promise.all(calls.map((model) => model.generate(request, { session })));
  }

  await Promise.all(Array.from({ length: sessions }, (_, index) => runSession(`session-${index}`)));
  await gate.close();
  const { peak, calls } = simulator.log;
  return [
    peak.total > LIMITS.global ? 'global' : '',
    peak.glm > LIMITS.glm ? 'glm' : '',
    peak.kimi > LIMITS.kimi ? 'kimi' : '',
    busiestSession(calls) > LIMITS.session ? 'session' : '',
  ].filter((tier) => tier !== '');
}

/** The most calls of one session that the simulator ever served at once. */
function busiestSession(calls: Simulator['log']['calls']): number {
  const userOf = (call: (typeof calls)[number]) => call.request?.['user_id'] ?? call.request?.['safety_identifier'];
  const overlaps = calls.map(
    (call) =>
      calls.filter(
        (other) =>
          userOf(other) === userOf(call) && other.startedAt <= call.startedAt && (other.endedAt ?? 0) > call.startedAt,
      ).length,
  );
  return Math.max(...overlaps);
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
