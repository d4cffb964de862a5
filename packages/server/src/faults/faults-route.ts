import { isLoopback } from '../config/check-combinations.ts';
import type { Authenticator } from '../http/authenticator.ts';
import { refuse, type Route, sendJson } from '../http/http-endpoint.ts';
import { readBody } from '../http/read-body.ts';

import { FaultAsk, type FaultSwitch } from './fault-switch.ts';

/** What the route works with. */
export interface FaultsRouteParts {
  readonly faults: FaultSwitch;
  readonly authenticator: Authenticator;
  /** Called with every fault that was asked for. */
  readonly audit: (what: { readonly fault: string; readonly done?: string; readonly failed?: string }) => void;
}

const MAX_BODY_BYTES = 4096;
/** A fault that needs a permit may have to wait for one; who asked need not. */
const PATIENCE_MS = 1000;

/** `POST /admin/faults`: for this machine, with the admin token, and never from a web page. */
export function faultsRoute({ faults, authenticator, audit }: FaultsRouteParts): Route {
  return {
    methods: ['POST'],
    handle: async (request, response, token) => {
      const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
      if (!isLoopback(address) || request.headers.origin !== undefined) {
        refuse(response, { status: 403, message: 'faults are for programs on this machine' });
        return;
      }
      if (token === undefined || !authenticator.opensAdmin(token)) {
        refuse(response, { status: 401, message: 'the admin token is needed (EXAI_WS_ADMIN_TOKEN)' });
        return;
      }
      const ask = FaultAsk.safeParse(await readBody(request, MAX_BODY_BYTES));
      if (!ask.success) {
        const [issue] = ask.error.issues;
        refuse(response, {
          status: 400,
          message: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'no such fault'}`,
        });
        return;
      }
      const applied = faults.apply(ask.data).then(
        (done) => {
          audit({ fault: ask.data.kind, done });
          return done;
        },
        (error: unknown) => {
          audit({ fault: ask.data.kind, failed: String(error) });
          return undefined;
        },
      );
      const done = await Promise.race([applied, patience(PATIENCE_MS)]);
      sendJson(response, done === undefined ? 202 : 200, { ok: true, done: done ?? 'it waits for a permit' });
    },
  };
}

function patience(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), ms).unref();
  });
}
