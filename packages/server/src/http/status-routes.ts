import type { Metrics } from '@exai/metrics';

import type { ServerConfig } from '../config/server-config.ts';
import { VERSION } from '../version.ts';

import type { Authenticator } from './authenticator.ts';
import { refuse, type Route, sendJson } from './http-endpoint.ts';

/** What the status routes read. */
export interface StatusParts {
  readonly config: ServerConfig;
  readonly authenticator: Authenticator;
  readonly metrics: Metrics;
  readonly simulator:
    | { readonly timeScale: number; readonly url: string; readonly providers: readonly string[] }
    | undefined;
  readonly uptimeMs: () => number;
  /** The reason not to be ready, or nothing. */
  readonly unready: () => string | undefined;
}

/** `/healthz`: alive, however busy. `/readyz`: takes new calls. `/metrics`: for Prometheus. */
export function statusRoutes(parts: StatusParts): Map<string, Route> {
  const { config } = parts;
  const methods = ['GET', 'HEAD'];
  const limits = {
    global: config.globalMaxInFlight,
    session: config.sessionMaxInFlight,
    providers: { glm: config.glmMaxInFlight, kimi: config.kimiMaxInFlight },
  };
  const timeouts = { glm: config.glmTimeouts, kimi: config.kimiTimeouts };
  const health: Route = {
    methods,
    handle: (_, response) => {
      const { simulator } = parts;
      const body = { status: 'ok', version: VERSION, uptimeMs: parts.uptimeMs(), limits, timeouts };
      sendJson(response, 200, simulator === undefined ? body : { ...body, simulator });
    },
  };
  const ready: Route = {
    methods,
    handle: (_, response) => {
      const reason = parts.unready();
      if (reason === undefined) sendJson(response, 200, { status: 'ready' });
      else sendJson(response, 503, { status: 'not ready', reason });
    },
  };
  const metrics: Route = {
    methods,
    handle: async (_, response, token) => {
      if (!parts.authenticator.opensMetrics(token)) {
        refuse(response, { status: 401, message: 'the admin token is needed (EXAI_WS_ADMIN_TOKEN)' });
        return;
      }
      const text = await parts.metrics.render();
      response.writeHead(200, { 'content-type': parts.metrics.contentType }).end(text);
    },
  };
  return new Map([
    ['/healthz', health],
    ['/readyz', ready],
    ['/metrics', metrics],
  ]);
}
