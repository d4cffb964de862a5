import { describe, expect, test } from 'vitest';

import { inProcess, runScenario, testInterference, virtual, VirtualClock } from '../src/index.ts';
import type { Clock, Driver, InterferenceResult, PermitLimits } from '../src/index.ts';

const FREE: PermitLimits = { global: 1000, session: 1000, providers: { glm: 1000 } };
const SHARED: PermitLimits = { global: 5, session: 1000, providers: { glm: 1000 } };

/** How late the client runs what it wanted to run at `time`. */
type Lateness = (time: number, isFlooded: boolean) => number;

/** The test by a client that is late, against a target that is punctual. */
function testBy(lateness: Lateness, limits: PermitLimits, isVirtual = true): Promise<InterferenceResult> {
  const target = new VirtualClock();
  let flood = 0;
  const client: Clock = {
    virtual: isVirtual,
    now: () => target.now(),
    wallNow: () => target.wallNow(),
    at: (time, work) => target.at(time + lateness(Math.max(time, target.now()), flood > 0), work),
  };
  const driver = virtual({ clock: target, limits });
  const late: Driver = {
    ...driver,
    async connect(session, onClose) {
      const inner = await driver.connect(session, onClose);
      const change = session === 1 ? 1 : 0;
      return {
        send(call, sink) {
          flood += change;
          // The client reads an answer when it gets to it.
          const end: typeof sink.end = (how) => void client.at(target.now(), () => sink.end(how));
          return inner.send(call, {
            event: () => sink.event(),
            piece: (tokens) => sink.piece(tokens),
            end: (how) => {
              flood -= change;
              end(how);
            },
          });
        },
        abandon(handle, why) {
          flood -= change;
          inner.abandon(handle, why);
        },
        close: () => inner.close(),
      };
    },
  };
  return target.run(
    testInterference({
      clock: client,
      driver: late,
      victim: { tool: 'chat', serviceMs: 8, perSecond: 25 },
      aggressor: { tool: 'chat', serviceMs: 40, inFlight: 8 },
    }),
  );
}

const failed = ({ selfChecks }: InterferenceResult): string[] =>
  selfChecks.filter(({ status }) => status === 'fail').map(({ id }) => id);

const slow: Lateness = () => 40;
const slowUnderFlood: Lateness = (_time, isFlooded) => (isFlooded ? 10 : 0);
const verySlowUnderFlood: Lateness = (_time, isFlooded) => (isFlooded ? 40 : 0);
const blockedOnce: Lateness = (time) => (time >= 1000 && time < 1200 ? 1200 - time : 0);

describe('an interference test by a client that was at fault', () => {
  test.each([
    { who: 'late all the time', lateness: slow, checks: ['send-lag'], looksLike: 'none_found' },
    { who: 'a little late under the flood', lateness: slowUnderFlood, checks: ['own-lateness'], looksLike: 'alarm' },
    {
      who: 'very late under the flood',
      lateness: verySlowUnderFlood,
      checks: ['send-lag', 'own-lateness'],
      looksLike: 'alarm',
    },
  ])('$who: void, though the target kept its sessions apart', async ({ lateness, checks, looksLike }) => {
    const result = await testBy(lateness, FREE);
    expect(result.verdict).toBe('void');
    expect(failed(result)).toEqual(checks);
    // What it would have said without its self-checks.
    expect(result.p < 0.01 && result.effect > 0.2 ? 'alarm' : 'none_found').toBe(looksLike);
  });

  test('blocked for 200 ms: void, whatever it found', async () => {
    const result = await testBy(blockedOnce, SHARED, false);
    expect(result.verdict).toBe('void');
    expect(failed(result)).toContain('event-loop');
  });

  test('punctual, the same client blames a target that is to blame, and no other', async () => {
    expect(await testBy(() => 0, SHARED)).toMatchObject({ verdict: 'interference', selfChecks: { length: 5 } });
    expect((await testBy(() => 0, FREE)).verdict).toBe('none_found');
    // A lateness that is the same in all blocks, and small, changes nothing.
    expect((await testBy(() => 5, SHARED)).verdict).toBe('interference');
  });

  test('voids the run that it is part of: exit 4 and no alarm', async () => {
    const interference = await testBy(slowUnderFlood, FREE);
    const clock = new VirtualClock();
    const { verdict } = await clock.run(
      runScenario(
        { name: 'after', durationMs: 500, load: { kind: 'closed', sessions: 1 }, mix: [{ tool: 'chat', weight: 100 }] },
        {
          clock,
          driver: inProcess(() => new Promise((resolve) => clock.at(clock.now() + 10, () => resolve('done')))),
          interference,
        },
      ),
    );
    expect(verdict.exit).toBe(4);
    expect(verdict.status).toBe('void');
    expect(verdict.reasons.join('\n')).toMatch(/^void: the interference test: own-lateness is 10 ms \(limit/);
    expect(verdict.reasons.join('\n')).not.toContain('slows another');
  });
});
