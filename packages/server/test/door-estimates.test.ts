import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { type DoorAnswer, type DoorAsk, type DoorOptions, RunDoor } from '../src/door/run-door.ts';
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

  /** Four permits; three sessions with one run each, one with three. */
  async function doorWithHog(places = 8) {
    const door = await doorThatKnows({ debug: 1000 }, { maxRuns: { glm: places }, permits: () => 4 });
    for (const session of ['a', 'b', 'c', 'hog', 'hog', 'hog']) door.enter(ask(session));
    return door;
  }

  it('the time of a run by the runs of its session, which share what permits their session gets in its turn', async () => {
    const door = await doorWithHog();
    // The fourth of the hog gets a quarter of one permit, or 4/7 if all shared evenly: 4000 and 1750.
    expect(codeOf(() => door.enter(ask('hog', { leftMs: 2870 })))).toBe('OVER_CAPACITY');
    expect(codeOf(() => door.enter(ask('hog', { leftMs: 2880 })))).toBeUndefined();
  });

  it('more time for the same run of a session with more runs than for that of a newcomer', async () => {
    const door = await doorWithHog(6);
    // A newcomer gets 4/5 of a permit, or 4/7: 1250 and 1750.
    expect(codeOf(() => door.enter(ask('new', { leftMs: 1490 })))).toBe('OVER_CAPACITY');
    expect(codeOf(() => door.enter(ask('new', { leftMs: 1510 })))).toBeUndefined();
  });

  it('the work of a run by what its session got, not by how many there were', async () => {
    const door = await doorThatKnows({}, { maxRuns: { glm: 8 }, permits: () => 2 });
    const alone = door.enter(ask('alone', { tool: 'short' }));
    for (let index = 0; index < 8; index += 1) door.enter(ask('hog', { tool: 'long' }));
    await vi.advanceTimersByTimeAsync(1000);
    if ('pass' in alone) alone.pass.leave(true);
    // It had one of the two permits all the time, so it was a second of work: beside the hog that takes 1000 or, evenly, 4500.
    expect(codeOf(() => door.enter(ask('new', { tool: 'short', leftMs: 2740 })))).toBe('OVER_CAPACITY');
    expect(codeOf(() => door.enter(ask('new', { tool: 'short', leftMs: 2760 })))).toBeUndefined();
  });

  it('nothing against a run that nobody slows, however little time it has', async () => {
    const door = await doorThatKnows({ debug: 1000 }, { maxRuns: { glm: 2 }, permits: () => 3 });
    for (const session of ['a', 'b', 'c'])
      expect(codeOf(() => door.enter(ask(session, { leftMs: 10 })))).toBeUndefined();
    expect(codeOf(() => door.enter(ask('d', { leftMs: 10 })))).toBe('OVER_CAPACITY');
  });

  it('nothing against the first run of a session while places are free, however slow it will be', async () => {
    const door = await doorThatKnows({ debug: 1000 }, { maxRuns: { glm: 3 }, permits: () => 1 });
    door.enter(ask('a'));
    expect(codeOf(() => door.enter(ask('a', { leftMs: 10 })))).toBe('OVER_CAPACITY');
    expect(codeOf(() => door.enter(ask('b', { leftMs: 10 })))).toBeUndefined();
    expect(codeOf(() => door.enter(ask('c', { leftMs: 10 })))).toBeUndefined();
    expect(codeOf(() => door.enter(ask('d', { leftMs: 10 })))).toBe('OVER_CAPACITY');
  });

  it('the wait by the turns of the sessions: only runs whose turn comes first are before it', async () => {
    const door = await doorThatKnows({ debug: 1000 });
    for (const session of ['hog', 'light']) door.enter(ask(session));
    for (let index = 0; index < 6; index += 1) door.enter(ask('hog'));
    const waitsOf = (session: string): number[] =>
      [0, 1].map(() => {
        const answer = door.enter(ask(session));
        return 'waiting' in answer ? answer.estimatedWaitMs : Number.NaN;
      });
    // Of each pair of turns the hog has the first; then only its own six are before its seventh, and the two of the other.
    expect(waitsOf('light')).toEqual([2000, 4000]);
    expect(waitsOf('hog')).toEqual([9000, 10_000]);
  });

  it('the wait of a session that had fewer turns without the runs of those that had more', async () => {
    const door = await doorThatKnows({ debug: 1000 });
    const first = [door.enter(ask('often')), door.enter(ask('seldom'))][0];
    const later = Array.from({ length: 4 }, () => door.enter(ask('often')));
    if (first !== undefined && 'pass' in first) first.pass.leave();
    if (later[0] !== undefined && 'waiting' in later[0]) (await later[0].waiting).leave();
    await vi.advanceTimersByTimeAsync(0);
    expect(door.lane('glm')).toMatchObject({ running: 2, waiting: 2 });
    const waits = [0, 1].map(() => door.enter(ask('seldom')));
    expect(waits.map((answer) => ('waiting' in answer ? answer.estimatedWaitMs : 0))).toEqual([1000, 3000]);
  });

  /** Lets `hog` run first, and `waits` until its turn. */
  async function waiterBehind(door: RunDoor, waits: DoorAsk): Promise<{ first: DoorAnswer; end: () => string }> {
    const first = door.enter(ask('hog', { tool: 'chat' }));
    const second = door.enter(waits);
    let ended = 'waits';
    if ('waiting' in second)
      second.waiting.then(
        () => (ended = 'admitted'),
        (error) => (ended = error.code),
      );
    return { first, end: () => ended };
  }

  it('again at its turn, in the company of then: what would end too late does not begin', async () => {
    const door = await doorThatKnows({ debug: 1000, chat: 1000 });
    const { first, end } = await waiterBehind(door, ask('hog', { leftMs: 2500 }));
    for (const session of ['a', 'b', 'c']) door.enter(ask(session));
    await vi.advanceTimersByTimeAsync(100);
    if ('pass' in first) first.pass.leave(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(end()).toBe('QUEUE_TIMEOUT');
  });

  it('again while it waits: what could no longer end in time is refused then, and not at its deadline', async () => {
    const door = await doorThatKnows({ debug: 1000, chat: 100 });
    const { end } = await waiterBehind(door, ask('hog', { leftMs: 3000 }));
    await vi.advanceTimersByTimeAsync(1990);
    expect(end()).toBe('waits');
    await vi.advanceTimersByTimeAsync(40);
    expect(end()).toBe('QUEUE_TIMEOUT');
  });

  it('again while it waits: with less company than when it came it may begin later', async () => {
    const door = await doorThatKnows({ debug: 1000, chat: 1000 });
    const company = ['a', 'b'].map((session) => door.enter(ask(session)));
    const { first, end } = await waiterBehind(door, ask('hog', { leftMs: 4500 }));
    await vi.advanceTimersByTimeAsync(100);
    for (const answer of company) if ('pass' in answer) answer.pass.leave(false);
    // Among three it would have had to begin after 1500.
    await vi.advanceTimersByTimeAsync(1900);
    expect(end()).toBe('waits');
    if ('pass' in first) first.pass.leave(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(end()).toBe('admitted');
  });

  it('with time to spare after expectations that were wrong', async () => {
    const door = await doorThatKnows({ debug: 1000 });
    const slow = door.enter(ask('teacher'));
    await vi.advanceTimersByTimeAsync(1500);
    if ('pass' in slow) slow.pass.leave(true);
    // It took half as long again as expected; the usual work is 1250 now.
    door.enter(ask('one'));
    expect(codeOf(() => door.enter(ask('two', { leftMs: 3740 })))).toBe('OVER_CAPACITY');
    expect(codeOf(() => door.enter(ask('two', { leftMs: 3760 })))).toBeUndefined();
  });
});
