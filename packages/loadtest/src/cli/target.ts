import { isIP } from 'node:net';

import { Option, type Command } from 'commander';

import type { Driver } from '../driver.ts';
import { LoadTestError } from '../load-test-error.ts';
import { PermitWatch } from '../permit-watch.ts';
import { withoutServiceTimes, type Scenario } from '../scenario.ts';
import { http } from '../http-driver.ts';
import { openaiSse } from '../open-ai-sse-driver.ts';
import { mcp } from '../mcp-driver.ts';
import { unreachable } from '../unreachable.ts';
import { httpFaults } from '../http-faults.ts';
import type { FaultInjector } from '../recovery.ts';
import { ws } from '../ws-driver.ts';
import type { CliIo } from './io.ts';

/** Flags that say where the target is. */
export interface TargetFlags {
  url: string;
  driver?: 'ws' | 'http' | 'openai' | 'mcp';
  model: string;
  token?: string;
  allowHost: string[];
  metricsUrl?: string;
  metrics: boolean;
  faultsUrl?: string;
  adminToken?: string;
}

const DEFAULT_URL = 'ws://127.0.0.1:8079/ws';

/** Adds the flags of {@link TargetFlags} to a command. */
export function addTargetFlags(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'the target').default(DEFAULT_URL))
    .addOption(
      new Option('--driver <kind>', 'how to call (default: by the URL: ws:// is ws, http:// is http)').choices([
        'ws',
        'http',
        'openai',
        'mcp',
      ]),
    )
    .option('--model <id>', 'model that the openai driver asks', 'default')
    .option('--token <token>', 'token of the target (or the variable EXAI_WS_TOKEN)')
    .option('--allow-host <host>', 'allow a target that is not this machine; repeat for more', collect, [])
    .option('--metrics-url <url>', 'metrics page (default: /metrics of the target)')
    .option('--faults-url <url>', 'where faults are asked for (default: /admin/faults of the target)')
    .option('--admin-token <token>', 'admin token of the target (or the variable EXAI_WS_ADMIN_TOKEN)')
    .option('--no-metrics', 'do not read the permits from the metrics page');
}

/** Gathers a repeatable flag. */
export function collect(value: string, earlier: string[]): string[] {
  return [...earlier, value];
}

/** Refuses targets on other machines unless they were allowed by name. @throws LoadTestError HOST_NOT_ALLOWED */
export function checkHost(text: string, allowed: readonly string[]): URL {
  if (!URL.canParse(text)) throw new LoadTestError('INVALID_OPTION', `--url must be a URL, got ${text}`);
  const url = new URL(text);
  const host = plainHost(url.hostname);
  if (isThisMachine(host) || allowed.includes(host)) return url;
  throw new LoadTestError(
    'HOST_NOT_ALLOWED',
    `--url must be this machine (127.0.0.1, ::1, localhost) unless the host is allowed, got ${host}; add --allow-host ${host} if it is yours to load`,
  );
}

/** True for the names and addresses of loopback. */
export function isThisMachine(hostname: string): boolean {
  const host = plainHost(hostname);
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

/** An IPv6 address without its brackets. */
function plainHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Makes one fresh driver for the target. */
export function createDriver(flags: TargetFlags, io: CliIo, scenario?: Scenario): Driver {
  const url = checkHost(flags.url, flags.allowHost);
  const token = flags.token ?? io.env['EXAI_WS_TOKEN'];
  const readDelayMs = scenario?.client?.readDelayMs;
  const isWs = url.protocol === 'ws:' || url.protocol === 'wss:';
  const kind = flags.driver ?? (isWs ? 'ws' : 'http');
  if ((kind === 'ws') !== isWs) {
    throw new LoadTestError(
      'INVALID_OPTION',
      `--url must be ${kind === 'ws' ? 'ws' : 'http'}:// for the driver ${kind}, got ${flags.url}`,
    );
  }
  switch (kind) {
    case 'ws':
      return ws({
        url: flags.url,
        ...(token !== undefined && { token }),
        ...(readDelayMs !== undefined && { readDelayMs }),
      });
    case 'http':
      return http({ url: flags.url, ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }) });
    case 'openai':
      return openaiSse({ url: flags.url, model: flags.model, ...(token !== undefined && { apiKey: token }) });
    case 'mcp':
      return mcp({ url: flags.url, ...(token !== undefined && { token }) });
  }
  return unreachable(kind);
}

/** Connects once before the run: is the target there, and does it run at the time scale that was asked for? */
export async function fitToTarget(scenario: Scenario, timeScale: number, probe: Driver): Promise<Scenario> {
  const connection = await probe.connect(0, () => undefined);
  await connection.close();
  await probe.close?.();
  const { simulatorTimeScale, kind } = probe.info();
  if (kind !== 'ws') return scenario;
  const actual = simulatorTimeScale ?? 1;
  if (actual !== timeScale) {
    const runs =
      simulatorTimeScale === undefined ? 'works for real, at time scale 1' : `simulates at time scale ${actual}`;
    throw new LoadTestError(
      'TIME_SCALE_MISMATCH',
      `--time-scale must be that of the target, which ${runs}, got ${timeScale}`,
    );
  }
  return simulatorTimeScale === undefined ? withoutServiceTimes(scenario) : scenario;
}

/** Reads permits from the target's metrics page, when it has one. */
export async function watchPermits(flags: TargetFlags, everyMs: number): Promise<PermitWatch | undefined> {
  if (!flags.metrics) return undefined;
  const url = flags.metricsUrl ?? beside(flags.url, '/metrics');
  checkHost(url, flags.allowHost);
  const read = async (): Promise<string> => {
    const { request } = await import('undici');
    const { statusCode, body } = await request(url, { headersTimeout: 2000, bodyTimeout: 2000 });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
    return text;
  };
  const isThere = await read().then(
    (text) => text.includes('mcp_semaphore_current_value'),
    () => false,
  );
  if (!isThere && flags.metricsUrl !== undefined) {
    throw new LoadTestError('UNREACHABLE', `--metrics-url must show mcp_semaphore_current_value, got ${url}`);
  }
  return isThere ? new PermitWatch({ url, read, everyMs }) : undefined;
}

/** The way to inject faults that a target of our own offers. */
export function createFaults(flags: TargetFlags, io: CliIo): FaultInjector {
  const url = flags.faultsUrl ?? beside(flags.url, '/admin/faults');
  checkHost(url, flags.allowHost);
  const token = flags.adminToken ?? io.env['EXAI_WS_ADMIN_TOKEN'];
  return httpFaults({ url, ...(token !== undefined && { token }) });
}

function beside(target: string, path: string): string {
  const url = new URL(path, target);
  url.protocol = url.protocol === 'wss:' || url.protocol === 'https:' ? 'https:' : 'http:';
  return url.href;
}
