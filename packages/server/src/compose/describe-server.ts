import type { ExaiServer } from './exai-server.ts';

/** Lines for a person: where the server listens and what it is made of. */
export function describeServer(server: ExaiServer): string[] {
  const { config, models } = server;
  const limits = `global ${config.globalMaxInFlight}, session ${config.sessionMaxInFlight}, GLM ${config.glmMaxInFlight}, Kimi ${config.kimiMaxInFlight}`;
  const provider = (id: 'glm' | 'kimi', name: string, variable: string): string =>
    models.isSimulated(id)
      ? `  ${name}   simulated, ${1 / config.simTimeScale} times as fast as the real one (set ${variable} for the real one)`
      : `  ${name}   real`;
  return [
    `EXAI server on ${server.url}`,
    `  WebSocket  ${server.wsUrl} (${server.authenticator.required ? 'a token is needed' : 'no token needed on this machine'})`,
    `  MCP        ${server.url}/mcp`,
    `  metrics    ${server.url}/metrics`,
    `  page       ${server.url}/`,
    '',
    provider('glm', 'GLM ', 'ZAI_API_KEY'),
    provider('kimi', 'Kimi', 'MOONSHOT_API_KEY'),
    `  limits: ${limits} model calls at once`,
    ...(config.faults ? ['', '\x1B[41;97m FAULTS ARE ENABLED: this server can be told to misbehave \x1B[0m'] : []),
  ];
}
