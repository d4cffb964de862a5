import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { type DoorAsk, type DoorOptions, RunDoor } from '../src/door/run-door.ts';
import { codeOf } from './code-of.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function ask(session: string, { leftMs = 1e9, tool = 'debug' } = {}): DoorAsk {
  return { provider: 'glm', session, tool, deadlineAt: Date.now() + leftMs };
}

describe('the door estimates', () => {
  /** A door that has seen one run of each tool alone, and the passes of the runs it lets in. */
  async function doorThatKnows(works: Record<string, number>, options: Partial<DoorOptions> = {}) {
    const door = new RunDoor({ maxRuns: { glm: 1 }, maxWaiting: 100, permits: () => 1, ...options });
    for (const [tool, ms] of Object.entries(works)) {
      const answer = door.enter(ask('teacher', { tool }));
      await vi.advanceTimersByTimeAsync(ms);
      if ('pass' in answer) answer.pass.leave(true);
    }
    return door;
  }

  it('the time of a run by its company: what takes a second alone takes ten among ten', async () => {
    const door = await doorThatKnows({ debug: 1000 });
    for (let index = 0; index < 9; index += 1) door.enter(ask(`s${index}`));
    expect(codeOf(() => door.enter(ask('late', { leftMs: 9900 })))).toBe('OVER_CAPACITY');
    expect(codeOf(() => door.enter(ask('late', { leftMs: 10_100 })))).toBeUndefined();
  });

  it('nothing from the company that earlier runs had', async () => {
    const door = await doorThatKnows({});
    const crowd = Array.from({ length: 10 }, (_, index) => door.enter(ask(`s${index}`)));
    await vi.advanceTimersByTimeAsync(10_000);
    for (const answer of crowd) if ('pass' in answer) answer.pass.leave(true);
    door.enter(ask('one'));
    expect(codeOf(() => door.enter(ask('two', { leftMs: 1900 })))).toBe('OVER_CAPACITY');
    expect(codeOf(() => door.enter(ask('two', { leftMs: 2100 })))).toBeUndefined();
  });

  it('nothing from runs that were cancelled, failed, or were done before', async () => {
    const door = await doorThatKnows({ debug: 1000 });
    for (let index = 0; index < 50; index += 1) {
      const answer = door.enter(ask('hasty'));
      if ('pass' in answer) answer.pass.leave(false);
    }
    door.enter(ask('one'));
    expect(codeOf(() => door.enter(ask('two', { leftMs: 1900 })))).toBe('OVER_CAPACITY');
  });

  it('the wait by the kinds of the runs before it, and by the permits there are now', async () => {
    let permits = 1;
    const door = await doorThatKnows({ chat: 100, debug: 10_000 }, { permits: () => permits });
    door.enter(ask('hog', { tool: 'chat' }));
    for (let index = 0; index < 5; index += 1) door.enter(ask('hog', { tool: 'chat' }));
    const waitOf = (tool: string): number => {
      const answer = door.enter(ask('hog', { tool }));
      return 'waiting' in answer ? answer.estimatedWaitMs : Number.NaN;
    };
    const behindChats = waitOf('debug');
    const behindDebug = waitOf('chat');
    expect(behindDebug - behindChats).toBe(10_000);
    permits = 2;
    expect(waitOf('chat')).toBe((behindDebug + 100) / 2);
  });

  it('the wait of a session by the permits it may have, of others by all', async () => {
    const door = await doorThatKnows({ debug: 1000 }, { maxRuns: { glm: 4 }, permits: () => 4, sessionPermits: 2 });
    for (let index = 0; index < 4; index += 1) door.enter(ask('hog'));
    const waits = Array.from({ length: 3 }, () => door.enter(ask('hog')));
    expect(waits.map((answer) => ('waiting' in answer ? answer.estimatedWaitMs : 0))).toEqual([500, 1000, 1500]);
  });
});
