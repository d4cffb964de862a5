import { ENDING_SHAPES, type EndingShape } from './ending-shapes.ts';
import { ERROR_NAMES, errorTranscript, wireErrorOf } from './error-shapes.ts';
import { FRAMING_SHAPES, type FramingShape } from './framing-shapes.ts';
import type { SimulatedCall, SimulatedProvider } from './persona-reply.ts';
import { ShapeWriter } from './shape-writer.ts';
import { TOOL_SHAPES, type ToolShape } from './tool-shapes.ts';
import type { Transcript } from './transcript.ts';

type NamedShape = FramingShape | ToolShape | EndingShape;

const SHAPES: Readonly<Record<NamedShape, (w: ShapeWriter) => Transcript>> = {
  ...FRAMING_SHAPES,
  ...TOOL_SHAPES,
  ...ENDING_SHAPES,
};

/** The name of a wire shape, or `error:` with a GLM code or a Kimi type. */
export type ShapeName = NamedShape | `error:${string}`;

/** What a call is answered with: a shape by name, a transcript, or one made for the call. */
export type Scripted = ShapeName | Transcript | ((call: SimulatedCall) => Transcript);

/** Every named shape, the errors included. */
export const WIRE_SHAPES: readonly ShapeName[] = [
  ...Object.keys(SHAPES).filter(isShape),
  ...ERROR_NAMES.map((name) => `error:${name}` as const),
];

/**
 * The transcript of a shape in the dialect of the call.
 *
 * @throws RangeError when there is no such shape, or no such error in this dialect.
 */
export function wireShape(name: ShapeName, call: SimulatedCall): Transcript {
  if (isErrorName(name)) {
    const error = wireErrorOf(call.provider, name.slice('error:'.length));
    if (error === undefined) throw new RangeError(`${call.provider} has no ${name}`);
    return errorTranscript(error);
  }
  const shape: ((w: ShapeWriter) => Transcript) | undefined = SHAPES[name];
  if (shape === undefined) throw new RangeError(`unknown wire shape ${JSON.stringify(name)}`);
  return shape(new ShapeWriter(call));
}

function isShape(name: string): name is NamedShape {
  return Object.hasOwn(SHAPES, name);
}

function isErrorName(name: ShapeName): name is `error:${string}` {
  return name.startsWith('error:');
}

interface Entry {
  readonly scripted: Scripted;
  left: number;
}

/** The scripted answers that wait for calls, per provider, first come first served. */
export class Script {
  readonly #entries: Record<SimulatedProvider, Entry[]> = { glm: [], kimi: [] };

  /** Queues an answer for the next `times` calls. @throws RangeError for an unknown name or a bad count. */
  add(provider: SimulatedProvider, scripted: Scripted, times: number): void {
    if (typeof scripted === 'string' && !isKnown(provider, scripted)) {
      throw new RangeError(`${provider} has no wire shape ${JSON.stringify(scripted)}`);
    }
    if (!(times >= 1)) throw new RangeError(`times must be at least 1, got ${times}`);
    this.#entries[provider].push({ scripted, left: times });
  }

  /** Takes the answer for a call, if one waits. */
  take(call: SimulatedCall): { readonly name: string; readonly transcript: Transcript } | undefined {
    const queue = this.#entries[call.provider];
    const [entry] = queue;
    if (entry === undefined) return undefined;
    entry.left -= 1;
    if (entry.left <= 0) queue.shift();
    const { scripted } = entry;
    if (typeof scripted === 'string') return { name: scripted, transcript: wireShape(scripted, call) };
    return { name: 'transcript', transcript: typeof scripted === 'function' ? scripted(call) : scripted };
  }

  /** Forgets what waits. */
  clear(): void {
    this.#entries.glm.length = 0;
    this.#entries.kimi.length = 0;
  }
}

function isKnown(provider: SimulatedProvider, name: ShapeName): boolean {
  if (isErrorName(name)) return wireErrorOf(provider, name.slice('error:'.length)) !== undefined;
  return isShape(name);
}
