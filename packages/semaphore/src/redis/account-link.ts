import type { ElapsedClock } from '../clock.ts';
import { toAdmissionOutcome, type AdmissionCall, type AdmissionReply } from './admission-call.ts';
import { ADMISSION_SCRIPT } from './admission-script.ts';
import type { RedisPort } from './redis-port.ts';
import { SharedAdmissionError } from './shared-admission-error.ts';
import type { SharedSettings } from './shared-settings.ts';

/** Part of `ttlMs` that a lease lasts in Redis: what is left covers the time until others notice its end. */
const LEASE_SHARE = 0.85;
/** Part of `ttlMs` that a lease lasts here, counted from before the call: holders have the difference to stop in. */
const LOCAL_SHARE = 0.75;
/** Parts of `ttlMs` between two renewals, and between two looks of a process that waits. */
const RENEWALS = 3;
const LOOKS = 6;
const MIN_LOOK_MS = 10;
/** First and longest pause between two tries while Redis cannot be reached. */
const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 500;
/** Calls that may go unanswered at the start. */
export const START_CALLS = 5;

/** The part of a call that only the leases know. */
export type CallBody = Pick<AdmissionCall, 'fence' | 'set' | 'g' | 's' | 'decrease' | 'increase' | 'pools'>;

/** What the link serves: the semaphore. */
export interface LinkHost {
  /** States what is kept and wanted; the link sends it at once. */
  build(isFull: boolean, isRenewal: boolean): CallBody;
  /** Takes in the reply to what was built last. */
  apply(reply: AdmissionReply): void;
  /** The last built call has come to nothing. */
  revoke(): void;
  /** The local end of all leases has come. */
  lapse(): void;
  /** The state or the mode may have changed. */
  noteState(): void;
  readonly isDirty: boolean;
  readonly isWaiting: boolean;
}

/**
 * The line between one process and its account: one call at a time, everything that happens meanwhile in the next one. Renews
 * the leases, looks again while something is waited for, and knows by the local clock until when they last.
 */
export class AccountLink {
  /** Elapsed milliseconds at which every lease of this process ends unless renewed. */
  deadline: number = -Infinity;
  failure: Error | undefined = undefined;
  /** When Redis was first found unreachable since it was last reached. */
  failedAt: number | undefined = undefined;
  opensAt: number = -Infinity;
  private readonly port: RedisPort;
  private readonly settings: SharedSettings;
  private readonly host: LinkHost;
  private readonly clock: ElapsedClock;
  private readonly pid: string = crypto.randomUUID().slice(0, 18);
  private readonly keys: readonly string[];
  private readonly channel: string;
  /** Channels and what is heard there: a permit was handed over, or another process waits for a pool. */
  private readonly hints: readonly (readonly [string, (message: string) => void])[];
  private seq = 0;
  private ack = 0;
  private epoch = '';
  private needsAll = true;
  private isFresh: boolean;
  private isCalling = false;
  private isScheduled = false;
  /** Something happened during a call that its reply may not tell of. */
  private isOverdue = false;
  private isClosed = false;
  private failures = 0;
  private cancelNext: (() => void) | undefined = undefined;
  private cancelLapse: (() => void) | undefined = undefined;

  constructor(port: RedisPort, settings: SharedSettings, host: LinkHost, clock: ElapsedClock) {
    this.port = port;
    this.settings = settings;
    this.host = host;
    this.clock = clock;
    this.isFresh = settings.assumeFresh;
    this.channel = `${settings.keyPrefix}:{${settings.account}}`;
    this.hints = [
      [`${this.channel}:wake:${this.pid}`, () => this.schedule()],
      [`${this.channel}:recall`, (pool) => this.settings.onRecall(pool)],
    ];
    this.keys = ['state', 'queue', 'claims'].map((name) => `${this.channel}:${name}`);
  }

  /** Whether a call is under way, whose reply may not know what is happening now. */
  get isBusy(): boolean {
    return this.isCalling;
  }

  get isLapsed(): boolean {
    return this.clock.elapsed() >= this.deadline;
  }

  get isRecovering(): boolean {
    return this.clock.elapsed() < this.opensAt;
  }

  /** Makes the process known to its account; tries a few times where a busy start keeps the answer. @throws SharedAdmissionError */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const failure = await this.exchange(false);
      if (failure === undefined) break;
      const error = toStartError(failure);
      if (attempt < START_CALLS && error.code === 'UNREACHABLE') continue;
      this.isClosed = true;
      this.cancelNext?.();
      throw error;
    }
    // Hints only: without them a process looks by itself.
    await Promise.allSettled(this.hints.map(([channel, hear]) => this.within(this.port.subscribe(channel, hear))));
  }

  /** Calls as soon as this turn is over, once for all that happens in it. While Redis is unreachable the next try is planned. */
  schedule(): void {
    if (this.isCalling) this.isOverdue = true;
    if (this.isScheduled || this.isCalling || this.isClosed || this.failures > 0) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      void this.call(false);
    });
  }

  /** Takes leave of the account, if it can be reached, and stops. */
  async leave(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.cancelNext?.();
    this.cancelLapse?.();
    const body: CallBody = { fence: 0, set: 0, g: 0, s: 0, pools: [] };
    await Promise.allSettled([
      this.send(this.toCall(body, { leave: 1 })),
      ...this.hints.map(([channel, hear]) => this.within(this.port.unsubscribe(channel, hear))),
    ]);
  }

  private async call(isRenewal: boolean): Promise<void> {
    if (this.isCalling || this.isClosed) return;
    await this.exchange(isRenewal);
  }

  /** One call and its consequences. Returns what went wrong. */
  private async exchange(isRenewal: boolean): Promise<Error | undefined> {
    this.isCalling = true;
    this.isOverdue = false;
    this.cancelNext?.();
    const isFull = this.needsAll;
    const body = this.host.build(isFull, isRenewal);
    const sentAt = this.clock.elapsed();
    const call = this.toCall(body, { full: isFull ? 1 : 0 });
    try {
      const outcome = toAdmissionOutcome(await this.send(call));
      this.isCalling = false;
      if (this.isClosed) return undefined;
      if (typeof outcome === 'string') this.noteForgotten();
      else this.noteReply(outcome, call.seq, sentAt);
      return undefined;
    } catch (error) {
      this.isCalling = false;
      const failure = error instanceof Error ? error : new Error(String(error));
      if (!this.isClosed) this.noteFailure(failure);
      return failure;
    }
  }

  /** Redis does not know this process: its lease has ended there, or the data is another. It gets to know everything anew. */
  private noteForgotten(): void {
    this.needsAll = true;
    this.host.revoke();
    this.reach();
    this.schedule();
  }

  private noteReply(reply: AdmissionReply, seq: number, sentAt: number): void {
    this.ack = seq;
    this.epoch = reply.epoch;
    this.needsAll = false;
    this.isFresh = false;
    this.deadline = sentAt + LOCAL_SHARE * this.settings.ttlMs;
    this.opensAt = reply.openInMs > 0 ? this.clock.elapsed() + reply.openInMs : -Infinity;
    this.watchDeadline();
    this.reach();
    this.host.apply(reply);
    this.host.noteState();
    if (this.host.isDirty || this.isOverdue) this.schedule();
    this.plan(this.toDelay(reply), true);
  }

  private noteFailure(failure: Error): void {
    this.failure = failure;
    this.failures += 1;
    this.failedAt ??= this.clock.elapsed();
    // What the call did is unknown: the next one repeats it, and a server that has come back may be another.
    this.host.revoke();
    this.host.noteState();
    this.plan(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.failures, 10)), false);
  }

  private reach(): void {
    this.failure = undefined;
    this.failures = 0;
    this.failedAt = undefined;
  }

  private toDelay(reply: AdmissionReply): number {
    const { ttlMs } = this.settings;
    const renewal = ttlMs / RENEWALS;
    if (!this.host.isWaiting) return renewal;
    const look = Math.max(MIN_LOOK_MS, Math.min(reply.nextEndMs + 1, ttlMs / LOOKS));
    return reply.openInMs > 0 ? Math.min(renewal, reply.openInMs + 1) : Math.min(renewal, look);
  }

  private plan(delayMs: number, isRenewal: boolean): void {
    this.cancelNext?.();
    if (this.isClosed) return;
    const run = (): void => void this.call(isRenewal);
    this.cancelNext = this.clock.clock.startTimer(run, Math.ceil(delayMs), this.host.isWaiting);
  }

  /** One timer, set anew when it comes too early. */
  private watchDeadline(): void {
    if (this.cancelLapse !== undefined || this.isClosed) return;
    const delay = Math.max(1, Math.ceil(this.deadline - this.clock.elapsed()));
    this.cancelLapse = this.clock.clock.startTimer(
      () => {
        this.cancelLapse = undefined;
        if (this.isLapsed) this.host.lapse();
        else this.watchDeadline();
      },
      delay,
      false,
    );
  }

  private toCall(body: CallBody, kind: { full?: 0 | 1; leave?: 0 | 1 }): AdmissionCall {
    const { ttlMs } = this.settings;
    this.seq += 1;
    return {
      pid: this.pid,
      seq: this.seq,
      ack: this.ack,
      epoch: this.epoch,
      full: kind.full ?? 0,
      fresh: this.isFresh ? 1 : 0,
      leave: kind.leave ?? 0,
      ttl: ttlMs,
      lease: Math.floor(LEASE_SHARE * ttlMs),
      claim: Math.floor(ttlMs / RENEWALS),
      ...body,
    };
  }

  private send(call: AdmissionCall): Promise<unknown> {
    return this.within(this.port.eval(ADMISSION_SCRIPT, this.keys, [JSON.stringify(call), this.channel]));
  }

  private within<T>(promise: Promise<T>): Promise<T> {
    const { callTimeoutMs } = this.settings;
    return new Promise((resolve, reject) => {
      const message = `Redis did not answer within ${callTimeoutMs} ms`;
      const fail = (): void => reject(new SharedAdmissionError('UNREACHABLE', message));
      const cancel = this.clock.clock.startTimer(fail, callTimeoutMs, true);
      promise.then(resolve, reject).finally(cancel);
    });
  }
}

/** The failure of a start, by what can be done about it. */
function toStartError(failure: Error): SharedAdmissionError {
  if (SharedAdmissionError.is(failure)) return failure;
  const { message } = failure;
  if (/^(READONLY|NOREPLICAS|MASTERDOWN)/.test(message))
    return new SharedAdmissionError('READ_ONLY', `Redis takes no writes: ${message}`, { cause: failure });
  return new SharedAdmissionError('UNREACHABLE', `Redis cannot be used: ${message}`, { cause: failure });
}
