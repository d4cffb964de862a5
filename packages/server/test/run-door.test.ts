import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { CallError } from '../src/calls/call-error.ts';
import { type DoorAnswer, type DoorPass, type DoorPlace, RunDoor } from '../src/door/run-door.ts';
import { codeOf } from './code-of.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const cancelled = new CallError('CANCELLED', 'no');

function ask(session: string, extra: { provider?: string; leftMs?: number } = {}) {
  const { provider = 'glm', leftMs = 1e9 } = extra;
  return { provider, session, tool: 'debug', deadlineAt: Date.now() + leftMs };
}

/** Enters and notes who was admitted. */
function visitor(door: RunDoor, admitted: string[]) {
  const passes = new Map<string, DoorPass>();
  return {
    passes,
    enter(session: string, name: string, extra = {}): DoorAnswer {
      const answer = door.enter(ask(session, extra));
      const take = (pass: DoorPass): void => {
        admitted.push(name);
        passes.set(name, pass);
      };
      if ('pass' in answer) take(answer.pass);
      else answer.waiting.then(take, (error) => admitted.push(`${name}:${error.code}`));
      return answer;
    },
  };
}

describe('the door', () => {
  it("starts every session's first run on a provider at once, whatever others have running and queued", () => {
    const door = new RunDoor({ maxRuns: { glm: 2, kimi: 2 }, maxWaiting: 100 });
    for (let index = 0; index < 50; index += 1) door.enter(ask('hog'));
    expect(door.lane('glm')).toEqual({ limit: 2, running: 2, waiting: 48 });
    expect('pass' in door.enter(ask('light'))).toBe(true);
    expect('pass' in door.enter(ask('hog', { provider: 'kimi' }))).toBe(true);
    expect('waiting' in door.enter(ask('light'))).toBe(true);
  });

  it('hands places out in turn between sessions and in order within one', async () => {
    const door = new RunDoor({ maxRuns: { glm: 1 }, maxWaiting: 100 });
    const admitted: string[] = [];
    const { enter, passes } = visitor(door, admitted);
    for (const name of ['a1', 'a2', 'a3', 'a4']) enter('a', name);
    for (const name of ['b1', 'b2']) enter('b', name);
    const leave = async (name: string): Promise<void> => {
      passes.get(name)?.leave();
      await Promise.resolve();
    };
    expect(admitted).toEqual(['a1', 'b1']);
    await leave('a1');
    await leave('b1');
    await leave('a2');
    await leave('b2');
    await leave('a3');
    expect(admitted).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'a4']);
    await leave('a4');
    expect(door.size).toBe(0);
    expect(door.running).toBe(0);
  });

  it('refuses at once, with a retry hint, what cannot fit its deadline', async () => {
    const door = new RunDoor({ maxRuns: { glm: 1 }, maxWaiting: 100 });
    const first = door.enter(ask('a'));
    await vi.advanceTimersByTimeAsync(1000);
    if ('pass' in first) first.pass.leave(true);
    door.enter(ask('a'));
    for (let index = 0; index < 4; index += 1) door.enter(ask('a'));
    expect(codeOf(() => door.enter(ask('a', { leftMs: 3000 })))).toBe('OVER_CAPACITY');
    expect(codeOf(() => door.enter(ask('a', { leftMs: 60_000 })))).toBeUndefined();
    try {
      door.enter(ask('a', { leftMs: 500 }));
    } catch (error) {
      expect(error).toMatchObject({
        retryable: true,
        details: { tier: 'door', provider: 'glm', limit: 1, inFlight: 1 },
      });
      expect(CallError.is(error) ? error.retryAfterMs : 0).toBeGreaterThan(3000);
    }
  });

  it('refuses when the queue is full', () => {
    const door = new RunDoor({ maxRuns: { glm: 1 }, maxWaiting: 2 });
    for (let index = 0; index < 3; index += 1) door.enter(ask('a'));
    expect(codeOf(() => door.enter(ask('a')))).toBe('OVER_CAPACITY');
  });

  it('takes a waiter out when it withdraws, at its deadline, and when too little time is left at its turn', async () => {
    const door = new RunDoor({ maxRuns: { glm: 1 }, maxWaiting: 100 });
    const admitted: string[] = [];
    const { enter, passes } = visitor(door, admitted);
    enter('a', 'runs');
    const withdrawn = enter('a', 'withdrawn');
    enter('a', 'expires', { leftMs: 100 });
    enter('a', 'too-late', { leftMs: 1500 });
    enter('a', 'fits');
    if ('waiting' in withdrawn) withdrawn.withdraw(cancelled);
    await vi.advanceTimersByTimeAsync(1000);
    passes.get('runs')?.leave(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(admitted).toEqual([
      'runs',
      'withdrawn:CANCELLED',
      'expires:QUEUE_TIMEOUT',
      'too-late:QUEUE_TIMEOUT',
      'fits',
    ]);
    passes.get('fits')?.leave();
    expect(door.size).toBe(0);
  });

  it('refuses everyone who waits when it closes, and everyone after', async () => {
    const door = new RunDoor({ maxRuns: { glm: 1 }, maxWaiting: 100 });
    const admitted: string[] = [];
    const { enter } = visitor(door, admitted);
    enter('a', 'runs');
    enter('a', 'waits');
    door.close();
    await Promise.resolve();
    expect(admitted).toEqual(['runs', 'waits:SERVER_DRAINING']);
    expect(codeOf(() => door.enter(ask('b')))).toBe('SERVER_DRAINING');
  });

  it('never runs more than its places beside one run per session, never idles while one may start, and forgets everyone', () => {
    const step = fc.record({
      kind: fc.constantFrom('enter', 'enter', 'leave', 'withdraw'),
      session: fc.integer({ min: 0, max: 4 }),
      pick: fc.nat(),
    });
    return fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), async (limit, steps) => {
        const door = new RunDoor({ maxRuns: { glm: limit }, maxWaiting: 1000 });
        const running: { session: string; pass: DoorPass }[] = [];
        const waiting: { session: string; place: DoorPlace }[] = [];
        for (const { kind, session, pick } of steps) {
          if (kind === 'enter') {
            const name = `s${session}`;
            const answer = door.enter(ask(name));
            const take = (pass: DoorPass): void => void running.push({ session: name, pass });
            if ('pass' in answer) take(answer.pass);
            else {
              const entry = { session: name, place: answer };
              waiting.push(entry);
              const gone = (): void => void waiting.splice(waiting.indexOf(entry), 1);
              answer.waiting.then((pass) => {
                gone();
                take(pass);
              }, gone);
            }
          } else if (kind === 'leave' && running.length > 0) running.splice(pick % running.length, 1)[0]?.pass.leave();
          else if (waiting.length > 0) waiting[pick % waiting.length]?.place.withdraw(cancelled);
          await Promise.resolve();
          await Promise.resolve();
          const sessions = new Set(running.map((run) => run.session));
          expect(running.length).toBeLessThanOrEqual(Math.max(limit, limit - 1 + sessions.size));
          expect(waiting.every((entry) => running.length >= limit && sessions.has(entry.session))).toBe(true);
        }
        for (const { place } of waiting) place.withdraw(cancelled);
        while (running.length > 0) {
          running.shift()?.pass.leave();
          await Promise.resolve();
        }
        expect(door.size).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
