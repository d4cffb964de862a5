import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

import type { CallAsk, CallEvent } from '../src/calls/call-ask.ts';
import { CallError } from '../src/calls/call-error.ts';
import { CallService } from '../src/calls/call-service.ts';
import type { Tool, ToolContext, ToolResult } from '../src/calls/tool.ts';
import { RunDoor } from '../src/door/run-door.ts';
import { ServerEventHub, type ServerEvents } from '../src/events.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A service with one tool that ends when it is told to, whatever its signal says. */
function setUp({ progressMs = 1e9, maxRuns = 10 } = {}) {
  const runs: { context: ToolContext; end: (result: ToolResult) => void }[] = [];
  const tool: Tool = {
    name: 'slow',
    description: 'ends when it is told to',
    kind: 'chat',
    input: z.looseObject({}),
    providerOf: () => 'glm',
    run: (context) => new Promise((end) => runs.push({ context, end })),
  };
  const events = new ServerEventHub();
  const finished: ServerEvents['finished'][] = [];
  events.on('finished', (event) => finished.push(event));
  const door = new RunDoor({ maxRuns: { glm: maxRuns }, maxWaiting: 100 });
  const limits = {
    sessionMaxQueued: 100,
    chatDeadlineMs: 60_000,
    workflowDeadlineMs: 60_000,
    resultTtlMs: 1000,
    progressMs,
  };
  const service = new CallService({ tools: new Map([['slow', tool]]), door, events, limits, isSimulated: () => false });
  const call = (extra: Partial<CallAsk> = {}) => {
    const heard: CallEvent[] = [];
    const handle = service.run({
      transport: 'ws',
      principal: 'p',
      session: 's',
      tool: 'slow',
      arguments: {},
      onEvent: (event) => heard.push(event),
      ...extra,
    });
    return { heard, handle, types: () => heard.map(({ type }) => type) };
  };
  return { service, door, runs, finished, call };
}

describe('a call', () => {
  it('gives a sign of life every progressMs, at the door and after it, until it ends', async () => {
    const { runs, call } = setUp({ progressMs: 1000, maxRuns: 1 });
    const [first, second] = [call(), call()];
    await vi.advanceTimersByTimeAsync(3100);
    expect(first.types()).toEqual(['accepted', 'progress', 'progress', 'progress']);
    expect(second.heard.at(-1)).toMatchObject({ type: 'progress', message: expect.stringContaining('admission') });
    runs[0]?.end({ text: 'done' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(first.types().slice(4)).toEqual(['result']);
    expect(second.types().filter((type) => type === 'progress').length).toBeGreaterThanOrEqual(12);
  });

  it('ends a second after its deadline when the tool does not, and frees its place ten seconds later', async () => {
    const { service, door, call } = setUp();
    const { types, heard } = call({ deadlineMs: 5000 });
    await vi.advanceTimersByTimeAsync(5900);
    expect(types()).toEqual(['accepted']);
    await vi.advanceTimersByTimeAsync(200);
    expect(heard.at(-1)).toMatchObject({ type: 'error', error: { code: 'DEADLINE_EXCEEDED' } });
    expect([service.inFlight, door.running]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(10_100);
    expect([service.size, door.size, door.running]).toEqual([0, 0, 0]);
    expect(types()).toEqual(['accepted', 'error']);
  });

  it('that waits at the door leaves it at once when it is cancelled', async () => {
    const { service, door, call } = setUp({ maxRuns: 1 });
    call();
    const second = call();
    expect(door.waiting).toBe(1);
    second.handle.cancel(new CallError('CANCELLED', 'no'));
    await vi.advanceTimersByTimeAsync(0);
    expect(second.types()).toEqual(['accepted', 'error']);
    expect([door.waiting, service.inFlight]).toEqual([0, 1]);
  });

  it('gives its tool a signal that is aborted with the reason, also when it is first asked for afterwards', async () => {
    const { runs, call } = setUp();
    const { handle } = call();
    const { context } = runs[0] ?? {};
    const reason = new CallError('CANCELLED', 'no');
    handle.cancel(reason);
    expect(context?.signal.aborted).toBe(true);
    expect(context?.signal.reason).toBe(reason);
  });

  it('settles once for everyone who waits for that', async () => {
    const { service, runs, call } = setUp();
    call();
    let idle = 0;
    for (let n = 0; n < 2; n += 1) void service.whenIdle('s', 60_000).then(() => (idle += 1));
    await vi.advanceTimersByTimeAsync(100);
    expect(idle).toBe(0);
    runs[0]?.end({ text: 'done' });
    await vi.advanceTimersByTimeAsync(0);
    expect(idle).toBe(2);
  });

  it('that only some of its askers cancel is reported as cancelled for these and as done for the others', async () => {
    const { runs, finished, call } = setUp();
    const [one, other] = [call({ idempotencyKey: 'k' }), call({ idempotencyKey: 'k' })];
    one.handle.cancel(new CallError('CANCELLED', 'no'));
    runs[0]?.end({ text: 'done' });
    await vi.advanceTimersByTimeAsync(0);
    expect([one.types().at(-1), other.types().at(-1)]).toEqual(['error', 'result']);
    expect(finished.map(({ outcome, code }) => [outcome, code])).toEqual([
      ['cancelled', 'CANCELLED'],
      ['ok', undefined],
    ]);
  });
});
