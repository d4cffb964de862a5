import type { Call, ClientFrameInput, Result, Welcome } from '../protocol/index.ts';

import { type CallOptions, type CallProgress, PendingCall } from './pending-call.ts';
import type { ProtocolError } from './protocol-error.ts';

/** What calls are sent by. */
export interface CallLink {
  /** Welcomed, and everything missed has come. */
  isReady(): boolean;
  send(frame: ClientFrameInput): void;
}

/** Calls that wait for their answers. They outlive connections: what the server did not get, call or cancel, is sent on the next one. */
export class CallBook {
  readonly #link: CallLink;
  readonly #pending = new Map<string, PendingCall>();
  /** Cancelled here while there was no connection to say so. */
  readonly #unsaidCancels = new Set<string>();

  constructor(link: CallLink) {
    this.#link = link;
  }

  /** Calls without an answer. */
  get size(): number {
    return this.#pending.size;
  }

  /** Notes a call until it is settled; {@link send} sends it. */
  add(frame: Omit<Call, 'deadlineMs'>, options: CallOptions): PendingCall {
    const { id } = frame;
    const call = new PendingCall(frame, options, () => this.#cancel(call));
    this.#pending.set(id, call);
    const forget = (): void => void this.#pending.delete(id);
    call.answer.then(forget, forget);
    return call;
  }

  send(call: PendingCall): void {
    const frame = call.toFrame();
    if (frame === undefined) call.fail('DEADLINE_EXCEEDED', 'the deadline passed while there was no connection');
    else this.#link.send(frame);
  }

  tell(event: CallProgress): void {
    this.#pending.get(event.id)?.tell(event);
  }

  succeed(result: Result): void {
    this.#pending.get(result.id)?.succeed(result);
    this.#unsaidCancels.delete(result.id);
  }

  fail(id: string, error: ProtocolError): void {
    this.#pending.get(id)?.reject(error);
    this.#unsaidCancels.delete(id);
  }

  failAll(error: ProtocolError): void {
    for (const call of this.#pending.values()) call.reject(error);
  }

  /** A new session knows no call and no cancel of before; another server accepts again what it knows of. */
  welcomed({ resumed, moved }: Welcome): void {
    if (!resumed) this.#unsaidCancels.clear();
    if (!resumed || moved === true) for (const call of this.#pending.values()) call.accepted = false;
  }

  /** Says and sends (again) what the server never got; the number of calls among that. */
  resend(): number {
    for (const id of this.#unsaidCancels) this.#link.send({ type: 'cancel', id });
    this.#unsaidCancels.clear();
    let resent = 0;
    for (const call of this.#pending.values()) {
      if (call.accepted) continue;
      this.send(call);
      resent += 1;
    }
    return resent;
  }

  #cancel(call: PendingCall): void {
    if (this.#link.isReady()) this.#link.send({ type: 'cancel', id: call.id });
    else if (call.accepted) this.#unsaidCancels.add(call.id);
    call.fail('CANCELLED', 'cancelled by the caller');
  }
}
