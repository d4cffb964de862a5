import type { GateAsk, GatePermit } from '../chat/gate.ts';
import type { ErrorClass } from '../chat/provider-error.ts';
import { abortable } from './abortable.ts';
import { Failure } from '../chat/failure.ts';
import type { ProviderRuntime } from './provider-runtime.ts';

/** Waits for a permit; one that comes too late goes straight back. */
export async function takePermit(
  runtime: ProviderRuntime,
  ask: Omit<GateAsk, 'provider' | 'signal'>,
  signal: AbortSignal,
): Promise<GatePermit | undefined> {
  if (runtime.gate === undefined) return undefined;
  if (signal.aborted) throw signal.reason;
  try {
    const acquiring = runtime.gate.acquire({ ...ask, provider: runtime.gateKey, signal });
    return await abortable(acquiring, signal, (late) => late.release('ignore'));
  } catch (error) {
    if (signal.aborted || error instanceof Failure) throw error;
    throw new Failure(refusal(error), { cause: error });
  }
}

/** What a gate's refusal means for a call. Gates are known by shape, so the code is read from the error. */
function refusal(error: unknown): ErrorClass {
  const code = propertyOf(error, 'code');
  const message = error instanceof Error ? error.message : String(error);
  const retryAfterMs = propertyOf(error, 'retryAfterMs');
  const wait = typeof retryAfterMs === 'number' ? { retryAfterMs } : {};
  switch (code) {
    case 'TIMEOUT':
    case 'DEADLINE_EXCEEDED':
      return { code: 'DEADLINE_EXCEEDED', retryable: false, message: `no permit in time: ${message}` };
    case 'ABORTED':
    case 'CLOSED':
      return { code: 'ABORTED', retryable: false, message: `no permit: ${message}` };
    case 'LOST':
      return { code: 'PERMIT_LOST', retryable: false, message: `the permit was lost: ${message}` };
    case 'OVER_CAPACITY':
    case 'SHED':
    case 'DEADLOCK':
      return { code: 'OVER_CAPACITY', retryable: false, message: `no permit: ${message}`, ...wait };
    default:
      return { code: 'INVALID_REQUEST', retryable: false, message: `the gate refused the call: ${message}` };
  }
}

function propertyOf(error: unknown, name: string): unknown {
  return error instanceof Error ? Reflect.get(error, name) : undefined;
}
