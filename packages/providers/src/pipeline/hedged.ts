import { Failure } from '../chat/failure.ts';

/** The abort reason of the attempt that lost to its hedge. */
export const HEDGED: Failure = new Failure({ code: 'ABORTED', retryable: false, message: 'the other attempt won' });
