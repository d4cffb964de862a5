import { isIP } from 'node:net';

import { Option, type Command } from 'commander';
import { request } from 'undici';

import type { Driver } from '../driver.ts';
import { LoadTestError } from '../load-test-error.ts';
import { PermitWatch } from '../permit-watch.ts';
import { withoutServiceTimes, type Scenario } from '../scenario.ts';
import { ws } from '../ws-driver.ts';
import type { CliIo } from './io.ts';

/** Flags that say where the target is. */
export interface TargetFlags {
  url: string;
  token?: string;
  allowHost: string[];
  metricsUrl?: string;
  metrics: boolean;
}

const DEFAULT_URL = 'ws://127.0.0.1:8079/ws';

/** Adds the flags of {@link TargetFlags} to a command. */
export function addTargetFlags(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'the target').default(DEFAULT_URL))
    .option('--token <token>', 'token of the target (or the variable EXAI_WS_TOKEN)')
    .option('--allow-host <host>', 'allow a target that is not this machine; repeat for more', collect, [])
    .option('--metrics-url <url>', 'metrics page (default: /metrics of the target)')
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
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isLoopback(host) || allowed.includes(host)) return url;
  throw new LoadTestError(
    'HOST_NOT_ALLOWED',
    `--url must be this machine (127.0.0.1, ::1, localhost) unless the host is allowed, got ${host}; add --allow-host ${host} if it is yours to load`,
  );
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

/** Makes one fresh driver for the target. */
export function createDriver(flags: TargetFlags, io: CliIo, scenario?: Scenario): Driver {
  const url = checkHost(flags.url, flags.allowHost);
  const token = flags.token ?? io.env['EXAI_WS_TOKEN'];
  const readDelayMs = scenario?.client?.readDelayMs;
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new LoadTestError('INVALID_OPTION', `--url must begin with ws:// or wss://, got ${flags.url}`);
  }
  return ws({
    url: flags.url,
    ...(token !== undefined && { token }),
    ...(readDelayMs !== undefined && { readDelayMs }),
  });
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
  const url = flags.metricsUrl ?? metricsUrlOf(flags.url);
  checkHost(url, flags.allowHost);
  const read = async (): Promise<string> => {
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

/** The metrics page beside a target. */
export function metricsUrlOf(target: string): string {
  const url = new URL('/metrics', target);
  url.protocol = url.protocol === 'wss:' || url.protocol === 'https:' ? 'https:' : 'http:';
  return url.href;
}
