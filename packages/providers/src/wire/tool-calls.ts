import type { ToolCall } from '../chat/message.ts';
import { parseJson } from '../json-value.ts';
import { readCall } from './tool-arguments.ts';

/** What collecting tool calls gives, in order. */
export type ToolEvent =
  | { type: 'tool-start'; index: number; id: string; name: string }
  | { type: 'tool-delta'; index: number; delta: string }
  | { type: 'tool-call'; index: number; call: ToolCall; repaired: boolean };

/** One piece of a tool call. */
export interface ToolPiece {
  readonly index: number | undefined;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly args: unknown;
}

interface OpenCall {
  readonly index: number;
  readonly wireIndex: number | undefined;
  id: string | undefined;
  name: string | undefined;
  args: string;
  /** How much of `args` was already emitted. */
  sent: number;
  startedId: string | undefined;
}

/**
 * Collects streamed tool calls. Id and name come from the first piece that has one; a piece without an index belongs to
 * the call with its id, else to the last one; an index used again with a new id and name is a new call. A call is final
 * only when the stream says that it ended, never because its arguments happen to parse.
 */
export class ToolCalls {
  readonly #calls: OpenCall[] = [];
  readonly #emit: (event: ToolEvent) => void;
  readonly #newId: (name: string, index: number) => string;

  constructor(emit: (event: ToolEvent) => void, newId: (name: string, index: number) => string) {
    this.#emit = emit;
    this.#newId = newId;
  }

  /** Calls begun so far, named or not. */
  get size(): number {
    return this.#calls.length;
  }

  add(piece: ToolPiece): void {
    const call = this.#find(piece) ?? this.#open(piece);
    call.id ??= piece.id;
    call.name ??= piece.name;
    if (typeof piece.args === 'string') call.args += piece.args;
    else if (piece.args !== undefined && piece.args !== null) call.args += JSON.stringify(piece.args);
    this.#stream(call);
  }

  /** Ends every call. Nameless ones are not emitted; their number is returned. */
  finish(): number {
    let nameless = 0;
    for (const open of this.#calls) {
      if (open.name === undefined) {
        nameless += 1;
        continue;
      }
      this.#start(open);
      this.#flush(open);
      const { call, repaired } = readCall({ id: open.startedId ?? '', name: open.name, args: open.args });
      this.#emit({ type: 'tool-call', index: open.index, call, repaired });
    }
    this.#calls.length = 0;
    return nameless;
  }

  #find(piece: ToolPiece): OpenCall | undefined {
    if (piece.index === undefined) return this.#findWithoutIndex(piece);
    const call = this.#calls.findLast((open) => open.wireIndex === piece.index);
    return call !== undefined && isOther(call, piece) ? undefined : call;
  }

  #findWithoutIndex(piece: ToolPiece): OpenCall | undefined {
    if (piece.id !== undefined) {
      const same = this.#calls.findLast((open) => open.id === piece.id);
      if (same !== undefined) return same;
    }
    const last = this.#calls.at(-1);
    return last !== undefined && isOther(last, piece) ? undefined : last;
  }

  #open(piece: ToolPiece): OpenCall {
    const call: OpenCall = {
      index: this.#calls.length,
      wireIndex: piece.index,
      id: undefined,
      name: undefined,
      args: '',
      sent: 0,
      startedId: undefined,
    };
    this.#calls.push(call);
    return call;
  }

  /** Emits what is safe to emit: nothing before the name is known, no arguments before the id is. */
  #stream(call: OpenCall): void {
    if (call.name === undefined || (call.id === undefined && call.args === '')) return;
    this.#start(call);
    this.#flush(call);
  }

  #start(call: OpenCall): void {
    if (call.startedId !== undefined || call.name === undefined) return;
    const name = call.name.split('<', 1)[0]?.trim() ?? call.name;
    call.startedId = call.id ?? this.#newId(name, call.index);
    this.#emit({ type: 'tool-start', index: call.index, id: call.startedId, name });
  }

  #flush(call: OpenCall): void {
    if (call.sent === call.args.length) return;
    const delta = call.args.slice(call.sent);
    call.sent = call.args.length;
    this.#emit({ type: 'tool-delta', index: call.index, delta });
  }
}

/** True when `piece` begins another call than the open one in the same place. */
function isOther(open: OpenCall, piece: ToolPiece): boolean {
  if (piece.id !== undefined && open.id !== undefined && piece.id !== open.id) {
    return piece.name !== undefined || parseJson(open.args) !== undefined;
  }
  const renamed = piece.name !== undefined && open.name !== undefined && piece.id === undefined;
  return renamed && open.args !== '' && parseJson(open.args) !== undefined;
}
