import { spawnSync } from 'node:child_process';

import { createGLM } from '@exai/providers';
import { createPersona, createSimulator } from '@exai/providers/simulator';
import { describe, expect, it } from 'vitest';

import { recordWorkflow } from '../scripts/record-workflow.ts';

const root = new URL('..', import.meta.url).pathname;

function live(...args: string[]) {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  const node = ['--conditions=@exai/source', '--import', 'tsx', 'scripts/live.ts', ...args];
  return spawnSync(process.execPath, node, { cwd: root, env, encoding: 'utf8' });
}

describe('npm run live', () => {
  it.each([
    [['glm'], 'set ZAI_API_KEY or ZHIPUAI_API_KEY first'],
    [['kimi'], 'set MOONSHOT_API_KEY or KIMI_API_KEY first'],
    [['workflow', 'glm'], 'set ZAI_API_KEY or ZHIPUAI_API_KEY first'],
    [['workflow', 'kimi'], 'set MOONSHOT_API_KEY or KIMI_API_KEY first'],
    [['workflow'], 'usage: npm run live'],
    [[], 'usage: npm run live'],
  ])('refuses %j and says why', (args, why) => {
    const { status, stderr } = live(...args);
    expect(stderr).toContain(why);
    expect(status).toBe(2);
  });

  it('records a whole run without the key and without paths of the machine', async () => {
    const simulator = await createSimulator({ latency: 'instant', persona: createPersona() });
    const model = createGLM({ apiKey: 'secret.key', baseURL: simulator.glm.baseURL }).chat('glm-4.6');
    const trace = await recordWorkflow(model, { secrets: ['secret.key', 'src/lookup.js'] });
    await simulator.close();
    const types = trace
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).type);
    expect(types[0]).toBe('run.started');
    expect(types.at(-1)).toBe('run.finished');
    expect(types).toContain('tool.finished');
    expect(trace).toContain('[redacted]');
    expect(trace).not.toContain('secret.key');
    expect(trace).not.toContain('src/lookup.js');
    expect(trace).not.toContain(root);
  });
});
