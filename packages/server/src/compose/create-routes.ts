import { faultsRoute, type FaultsRouteParts } from '../faults/faults-route.ts';
import { FaultSwitch } from '../faults/fault-switch.ts';
import type { Route } from '../http/http-endpoint.ts';
import { statusRoutes } from '../http/status-routes.ts';
import type { Mcp } from '../mcp/mcp.ts';
import { pageRoutes } from '../page/page-routes.ts';
import type { WsEndpoint } from '../ws/ws-endpoint.ts';

import type { ExaiServer } from './exai-server.ts';

/** What the routes show and reach. */
export interface RouteParts {
  readonly server: Pick<ExaiServer, 'config' | 'semaphore' | 'metrics' | 'views' | 'models' | 'authenticator'>;
  readonly ws: WsEndpoint;
  readonly mcp: Mcp;
  /** The reason not to be ready, or nothing. */
  readonly unready: () => string | undefined;
  /** Called with every fault that was asked for. */
  readonly audit: FaultsRouteParts['audit'];
}

/** Everything a server answers over HTTP, by path. */
export function createRoutes(parts: RouteParts): Map<string, Route> {
  const { config, authenticator, metrics, views, models } = parts.server;
  const { simulator, simulated } = models;
  const routes = statusRoutes({
    config,
    authenticator,
    metrics,
    simulator:
      simulator === undefined
        ? undefined
        : { timeScale: simulator.timeScale, url: simulator.url, providers: simulated },
    uptimeMs: () => views.uptimeMs,
    unready: parts.unready,
  });
  for (const [path, route] of pageRoutes()) routes.set(path, route);
  if (config.faults) routes.set('/admin/faults', createFaults(parts));
  return routes.set('/mcp', parts.mcp.route);
}

function createFaults({ server, ws, audit }: RouteParts): Route {
  const { semaphore, models, views, authenticator } = server;
  const faults = new FaultSwitch({
    semaphore,
    simulator: models.simulator,
    connections: () => ws.connections(),
    views,
  });
  return faultsRoute({ faults, authenticator, audit });
}
