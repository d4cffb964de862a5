import { ConfigError } from './config-error.ts';
import type { ServerConfig } from './server-config.ts';
import { variableOf } from './variables.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/** True for an address only this machine can reach. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** Refuses settings that are each fine and together impossible: an inner limit above an outer one, an open door. */
export function checkCombinations(config: ServerConfig): void {
  checkLimits(config);
  checkTimes(config);
  checkExposure(config);
  checkStore(config);
  if (config.faults) checkFaults(config);
}

function checkLimits(config: ServerConfig): void {
  const { sessionMaxInFlight, globalMaxInFlight } = config;
  if (sessionMaxInFlight > globalMaxInFlight) {
    refuse(
      'sessionMaxInFlight',
      `must be at most ${nameOf('globalMaxInFlight')} (${globalMaxInFlight})`,
      sessionMaxInFlight,
    );
  }
}

function checkTimes(config: ServerConfig): void {
  const longest = Math.max(...Object.values(config.glmTimeouts), ...Object.values(config.kimiTimeouts));
  for (const key of ['chatDeadlineMs', 'workflowDeadlineMs'] as const) {
    if (config[key] < longest) {
      refuse(key, `must be at least the largest time-out of the providers (${longest / 1000} s)`, seconds(config[key]));
    }
    if (config.sessionTimeoutMs < config[key]) {
      const rule = `must be at least ${nameOf(key)} (${config[key] / 1000} s), or a session could end under its own call`;
      refuse('sessionTimeoutMs', rule, seconds(config.sessionTimeoutMs));
    }
  }
}

function checkExposure(config: ServerConfig): void {
  if (isLoopback(config.host)) return;
  if (config.tokens.length === 0) {
    refuse('tokens', `must be set when ${nameOf('host')} is not loopback (${config.host})`, 'none');
  }
  if (config.tls === undefined && !config.allowPlaintext) {
    refuse('host', 'needs TLS (--tls-cert, --tls-key) or --insecure-i-know when it is not loopback', config.host);
  }
}

function checkStore({ store, postgresUrl }: ServerConfig): void {
  if (postgresUrl === undefined || store === 'file') return;
  refuse('store', `must not be ${store} beside ${nameOf('postgresUrl')}, which keeps the journals`, store);
}

function checkFaults(config: ServerConfig): void {
  if (config.glmApiKey !== undefined || config.kimiApiKey !== undefined) {
    refuse('faults', 'is refused beside a real provider key', 'true');
  }
  if (config.adminToken === undefined) refuse('faults', `needs ${nameOf('adminToken')}`, 'true');
  if (!isLoopback(config.host)) refuse('faults', 'is refused off loopback', 'true');
}

function nameOf(key: keyof ServerConfig): string {
  return variableOf(key)?.name ?? key;
}

function refuse(key: keyof ServerConfig, rule: string, value: string | number): never {
  throw new ConfigError(nameOf(key), rule, String(value));
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
