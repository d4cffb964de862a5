import type { ServerConfigInput } from './server-config.ts';

type Key = keyof ServerConfigInput;

/** How an environment variable becomes a setting. `path` is the setting, a dot for a part of it. */
export interface Variable {
  readonly name: string;
  readonly path: Key | `${'glm' | 'kimi'}Timeouts.${'base' | 'web' | 'thinking' | 'webThinking'}`;
  readonly read: 'text' | 'number' | 'seconds' | 'list' | 'paths' | 'flag';
  readonly secret?: boolean;
}

function timeouts(prefix: 'GLM' | 'KIMI', path: 'glmTimeouts' | 'kimiTimeouts'): Variable[] {
  return [
    { name: `${prefix}_TIMEOUT_SECS`, path: `${path}.base`, read: 'seconds' },
    { name: `${prefix}_WEB_SEARCH_TIMEOUT_SECS`, path: `${path}.web`, read: 'seconds' },
    { name: `${prefix}_THINKING_TIMEOUT_SECS`, path: `${path}.thinking`, read: 'seconds' },
    { name: `${prefix}_WEB_THINKING_TIMEOUT_SECS`, path: `${path}.webThinking`, read: 'seconds' },
  ];
}

/** Every variable the server reads. Of two names for one setting the first that is set counts. */
export const VARIABLES: readonly Variable[] = [
  { name: 'EXAI_WS_HOST', path: 'host', read: 'text' },
  { name: 'EXAI_WS_PORT', path: 'port', read: 'number' },
  { name: 'EXAI_WS_TOKEN', path: 'tokens', read: 'list', secret: true },
  { name: 'EXAI_WS_ADMIN_TOKEN', path: 'adminToken', read: 'text', secret: true },
  { name: 'EXAI_WS_ALLOWED_ORIGINS', path: 'allowedOrigins', read: 'list' },
  { name: 'EXAI_WS_GLOBAL_MAX_INFLIGHT', path: 'globalMaxInFlight', read: 'number' },
  { name: 'EXAI_WS_SESSION_MAX_INFLIGHT', path: 'sessionMaxInFlight', read: 'number' },
  { name: 'EXAI_WS_GLM_MAX_INFLIGHT', path: 'glmMaxInFlight', read: 'number' },
  { name: 'EXAI_WS_KIMI_MAX_INFLIGHT', path: 'kimiMaxInFlight', read: 'number' },
  { name: 'EXAI_MAX_RUNS', path: 'maxRuns', read: 'number' },
  { name: 'SESSION_MAX_CONCURRENT', path: 'sessionMaxConcurrent', read: 'number' },
  { name: 'SESSION_TIMEOUT_SECS', path: 'sessionTimeoutMs', read: 'seconds' },
  { name: 'EXAI_CHAT_DEADLINE_SECS', path: 'chatDeadlineMs', read: 'seconds' },
  { name: 'EXAI_WORKFLOW_DEADLINE_SECS', path: 'workflowDeadlineMs', read: 'seconds' },
  ...timeouts('GLM', 'glmTimeouts'),
  ...timeouts('KIMI', 'kimiTimeouts'),
  { name: 'ZAI_API_KEY', path: 'glmApiKey', read: 'text', secret: true },
  { name: 'ZHIPUAI_API_KEY', path: 'glmApiKey', read: 'text', secret: true },
  { name: 'MOONSHOT_API_KEY', path: 'kimiApiKey', read: 'text', secret: true },
  { name: 'KIMI_API_KEY', path: 'kimiApiKey', read: 'text', secret: true },
  { name: 'EXAI_SIM_TIME_SCALE', path: 'simTimeScale', read: 'number' },
  { name: 'EXAI_ALLOWED_ROOTS', path: 'allowedRoots', read: 'paths' },
  { name: 'EXAI_DATA_DIR', path: 'dataDir', read: 'text' },
  { name: 'EXAI_STORE', path: 'store', read: 'text' },
  { name: 'EXAI_POSTGRES_URL', path: 'postgresUrl', read: 'text', secret: true },
  { name: 'EXAI_REDIS_URL', path: 'redisUrl', read: 'text', secret: true },
  { name: 'EXAI_MCP_PROFILE', path: 'mcpProfile', read: 'text' },
  { name: 'EXAI_MCP_WS', path: 'mcpWebSocket', read: 'flag' },
];

/** The variable that sets `path`, for messages. */
export function variableOf(path: string): Variable | undefined {
  return VARIABLES.find((variable) => variable.path === path);
}
