import { ConfigError, createServer, loadConfig } from '@exai/server';
import { describe, expect, it } from 'vitest';

function refusalOf(env: Record<string, string>, overrides = {}): ConfigError {
  try {
    loadConfig(env, overrides);
  } catch (error) {
    if (ConfigError.is(error)) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('loadConfig', () => {
  it('needs nothing: the defaults are those of the reference server', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8079,
      tokens: [],
      globalMaxInFlight: 5,
      sessionMaxInFlight: 2,
      glmMaxInFlight: 2,
      kimiMaxInFlight: 3,
      sessionMaxConcurrent: 100,
      sessionTimeoutMs: 3_600_000,
      chatDeadlineMs: 600_000,
      workflowDeadlineMs: 3_600_000,
      resumeWindowMs: 120_000,
      connectionsPerAddress: 200,
      kimiTimeouts: { base: 240_000, web: 300_000, thinking: 360_000, webThinking: 420_000 },
      glmTimeouts: { base: 240_000, web: 300_000, thinking: 360_000, webThinking: 420_000 },
      dataDir: './.exai',
      store: 'file',
      allowedRoots: [],
    });
  });

  it.each([
    ['EXAI_WS_PORT', 'abc', 'must be a whole number from 0 to 65535'],
    ['EXAI_WS_PORT', '0x50', 'must be a whole number from 0 to 65535'],
    ['EXAI_WS_PORT', '70000', 'must be a whole number from 0 to 65535'],
    ['EXAI_WS_GLOBAL_MAX_INFLIGHT', '0', 'must be a whole number from 1 to 10000'],
    ['EXAI_WS_GLM_MAX_INFLIGHT', '2.5', 'must be a whole number from 1 to 10000'],
    ['KIMI_TIMEOUT_SECS', '-3', 'must be a duration above 0'],
    ['SESSION_MAX_CONCURRENT', 'many', 'must be a whole number from 1 to 100000'],
    ['EXAI_STORE', 'cloud', 'must be file or memory'],
    ['EXAI_SIM_TIME_SCALE', '0', 'must be above 0'],
    ['EXAI_WS_ALLOWED_ORIGINS', 'nonsense', 'must be origins'],
  ])('refuses %s=%s and names the variable, the rule and the value', (name, value, rule) => {
    const error = refusalOf({ [name]: value });
    expect(error.variable).toBe(name);
    expect(error.rule).toContain(rule);
    expect(error.message).toContain(value);
  });

  it('takes an empty variable for one that is not set, and seconds with decimals', () => {
    const config = loadConfig({ EXAI_WS_PORT: ' ', GLM_TIMEOUT_SECS: '2.4' });
    expect(config.port).toBe(8079);
    expect(config.glmTimeouts).toEqual({ base: 2400, web: 300_000, thinking: 360_000, webThinking: 420_000 });
  });

  it.each([
    ['a session limit above the global one', { EXAI_WS_SESSION_MAX_INFLIGHT: '6' }, 'EXAI_WS_SESSION_MAX_INFLIGHT'],
    ['a time-out above the call deadline', { KIMI_WEB_THINKING_TIMEOUT_SECS: '900' }, 'EXAI_CHAT_DEADLINE_SECS'],
    ['a session time-out below the call deadline', { SESSION_TIMEOUT_SECS: '900' }, 'SESSION_TIMEOUT_SECS'],
    [
      'a store beside PostgreSQL that keeps nothing',
      { EXAI_STORE: 'memory', EXAI_POSTGRES_URL: 'postgres://me@host/db' },
      'EXAI_STORE',
    ],
    ['limits in something that is not Redis', { EXAI_REDIS_URL: 'http://127.0.0.1:6379' }, 'EXAI_REDIS_URL'],
    ['a database that is not PostgreSQL', { EXAI_POSTGRES_URL: 'mysql://me@host/db' }, 'EXAI_POSTGRES_URL'],
    ['another host without a token', { EXAI_WS_HOST: '0.0.0.0' }, 'EXAI_WS_TOKEN'],
    ['another host without TLS', { EXAI_WS_HOST: '0.0.0.0', EXAI_WS_TOKEN: 'secret' }, 'EXAI_WS_HOST'],
  ])('refuses to start with %s', (_, env, variable) => {
    expect(refusalOf(env).variable).toBe(variable);
  });

  it('refuses faults beside a real key, without an admin token, and off loopback', () => {
    const faults = { faults: true, adminToken: 'long enough' };
    expect(loadConfig({}, faults).faults).toBe(true);
    expect(refusalOf({ ZAI_API_KEY: 'k' }, faults).rule).toContain('real provider key');
    expect(refusalOf({}, { faults: true }).rule).toContain('EXAI_WS_ADMIN_TOKEN');
  });

  it.each(['/no/such/folder', '/', '/etc/hostname'])(
    'refuses to start with %s as a folder for the file tools',
    async (root) => {
      await expect(createServer({ allowedRoots: [root], store: 'memory', port: 0 })).rejects.toMatchObject({
        name: 'ConfigError',
        variable: 'EXAI_ALLOWED_ROOTS',
        value: root,
      });
    },
  );

  it('never shows a secret', () => {
    const error = refusalOf({ EXAI_WS_ADMIN_TOKEN: 'short' });
    expect(error.message).not.toContain('short');
    expect(error.value).toBe('(hidden)');
  });
});
