import { z } from 'zod';

import { CallError } from '../calls/call-error.ts';

import type { ServerTarget } from './server-target.ts';

const PROBE_MS = 2000;
const Health = z.object({ status: z.literal('ok'), limits: z.object({ global: z.number() }) });

/**
 * Makes sure that a server answers, starting one if none does.
 *
 * @param start resolves when a server it, or another process, started answers.
 * @throws CallError `INTERNAL` when there is none, none can be started, or another program has the port.
 */
export async function ensureServer(target: ServerTarget, start: (() => Promise<void>) | undefined): Promise<void> {
  const answer = await probe(target);
  if (answer === 'server') return;
  if (answer === 'other') {
    throw new CallError('INTERNAL', `what answers at ${target.healthUrl} is no EXAI server; set EXAI_WS_PORT`);
  }
  if (start === undefined) throw new CallError('INTERNAL', `no EXAI server answers at ${target.healthUrl}`);
  await start();
}

/** Who answers at an address. */
export async function probe({ healthUrl }: ServerTarget): Promise<'server' | 'other' | 'nobody'> {
  try {
    const response = await fetch(healthUrl, { signal: AbortSignal.timeout(PROBE_MS) });
    const body: unknown = await response.json().catch(() => undefined);
    return Health.safeParse(body).success ? 'server' : 'other';
  } catch {
    return 'nobody';
  }
}
