import type { Cancel, Clock } from './clock.ts';
import { noFrames, type CallSink, type Connection, type Driver, type PlannedCall } from './driver.ts';
import { PermitModel, type PermitLimits } from './permit-model.ts';
import { renderPermitMetrics } from './permit-metrics.ts';
import type { FaultInjector } from './recovery.ts';

/** A simulated server, for runs on a virtual clock. */
export interface VirtualOptions {
  clock: Clock;
  limits: PermitLimits;
  /** Added to every call, in milliseconds. @defaultValue 0 */
  overheadMs?: number;
  /** Service time of a call that asks for none, in milliseconds. @defaultValue 10 */
  serviceMs?: number;
  /** Interval at which leaked permits are taken back, in milliseconds; 0 never. @defaultValue 0 */
  healthCheckMs?: number;
}

/** A driver whose target is simulated in the same process: permits, queues, deadlines and faults, and no sockets. */
export interface VirtualDriver extends Driver, FaultInjector {
  readonly permits: PermitModel;
  /** The page that a real server would show at `/metrics`. */
  readMetrics(): Promise<string>;
}

/** Creates the simulated server. With a {@link VirtualClock} a run of hours takes milliseconds. */
export function virtual(options: VirtualOptions): VirtualDriver {
  const { clock, healthCheckMs = 0 } = options;
  const permits = new PermitModel(options.limits, clock);
  const wire = noFrames();
  const state: { isOpen: boolean; health: Cancel | undefined } = { isOpen: true, health: undefined };
  const check = (): void => {
    permits.recover();
    if (state.isOpen) state.health = clock.at(clock.now() + healthCheckMs, check);
  };
  if (healthCheckMs > 0) state.health = clock.at(clock.now() + healthCheckMs, check);
  return {
    kind: 'virtual',
    wire,
    permits,
    info: () => ({ kind: 'virtual' }),
    readMetrics: () => Promise.resolve(renderPermitMetrics(permits)),
    connect(session) {
      wire.connectsTried += 1;
      wire.connectsOpened += 1;
      return Promise.resolve(new VirtualConnection(String(session), permits, options));
    },
    close() {
      state.isOpen = false;
      state.health?.();
      return Promise.resolve();
    },
    inject({ kind, provider = 'glm', count = 1 }) {
      if (kind === 'leak') permits.leak(provider, count);
      else if (kind === 'double_release') permits.doubleRelease(provider);
      else return Promise.reject(new Error(`a virtual server has no fault ${kind}`));
      return Promise.resolve();
    },
  };
}

class VirtualConnection implements Connection {
  readonly #session: string;
  readonly #permits: PermitModel;
  readonly #options: VirtualOptions;
  readonly #calls = new Map<number, VirtualCall>();
  #last = 0;

  constructor(session: string, permits: PermitModel, options: VirtualOptions) {
    this.#session = session;
    this.#permits = permits;
    this.#options = options;
  }

  send(planned: PlannedCall, sink: CallSink): number {
    const { clock, overheadMs = 0, serviceMs = 10 } = this.#options;
    const handle = (this.#last += 1);
    const provider = planned.provider ?? 'glm';
    const call: VirtualCall = {
      provider,
      sink,
      holds: false,
      timer: undefined,
      deadline: undefined,
      withdraw: undefined,
    };
    this.#calls.set(handle, call);
    call.deadline = clock.at(clock.now() + planned.deadlineMs, () => {
      this.#forget(handle);
      sink.end({ outcome: 'timeout_server', code: 'DEADLINE_EXCEEDED' });
    });
    call.withdraw = this.#permits.ask({
      session: this.#session,
      provider,
      grant: (queuedMs) => {
        call.holds = true;
        call.timer = clock.at(clock.now() + (planned.serviceMs ?? serviceMs) + overheadMs, () => {
          this.#forget(handle);
          sink.end({ outcome: 'ok', queuedMs });
        });
      },
    });
    return handle;
  }

  abandon(handle: number): void {
    this.#forget(handle);
  }

  close(): Promise<void> {
    for (const handle of this.#calls.keys()) this.#forget(handle);
    this.#permits.endSession(this.#session);
    return Promise.resolve();
  }

  #forget(handle: number): void {
    const call = this.#calls.get(handle);
    if (!call) return;
    this.#calls.delete(handle);
    call.timer?.();
    call.deadline?.();
    if (call.holds) this.#permits.release(this.#session, call.provider);
    else call.withdraw?.();
  }
}

interface VirtualCall {
  readonly provider: string;
  readonly sink: CallSink;
  holds: boolean;
  timer: Cancel | undefined;
  deadline: Cancel | undefined;
  withdraw: (() => void) | undefined;
}
