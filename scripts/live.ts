import { createGLM, createKimi } from '@exai/providers';

import { recordWorkflow, saveTrace } from './record-workflow.ts';

const USAGE = `usage: npm run live -- glm|kimi            asks the real service what only it can answer
       npm run live -- workflow glm|kimi   runs debug with the real model and records a redacted trace`;

const ACCOUNTS = {
  glm: { keys: ['ZAI_API_KEY', 'ZHIPUAI_API_KEY'], chat: () => createGLM().chat('glm-4.6') },
  kimi: { keys: ['MOONSHOT_API_KEY', 'KIMI_API_KEY'], chat: () => createKimi().chat('kimi-k2.6') },
} as const;

async function main([command, provider]: readonly string[]): Promise<number> {
  if (command === 'glm' || command === 'kimi') {
    await import('../packages/providers/scripts/live.ts');
    return Number(process.exitCode ?? 0);
  }
  if (command !== 'workflow' || (provider !== 'glm' && provider !== 'kimi')) {
    console.error(USAGE);
    return 2;
  }
  const { keys, chat } = ACCOUNTS[provider];
  const secrets = keys.map((name) => (process.env[name] ?? '').trim()).filter((key) => key !== '');
  if (secrets.length === 0) {
    console.error(`a live run asks the real ${provider} and costs a few cents: set ${keys.join(' or ')} first`);
    return 2;
  }
  const trace = await recordWorkflow(chat(), { secrets });
  const last = JSON.parse(trace.trim().split('\n').at(-1) ?? '{}');
  console.log(`ended: ${JSON.stringify(last.result?.stop ?? last.stop ?? last.type)}`);
  console.log(`recorded: ${await saveTrace(provider, trace)}`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
