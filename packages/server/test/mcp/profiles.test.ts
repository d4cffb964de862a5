import { ConfigError, loadConfig } from '@exai/server';
import { builtInWorkflows } from '@exai/workflow';
import { describe, expect, it } from 'vitest';

import { listTools } from '../../src/mcp/tool-listing.ts';
import { chatOf, startServer } from '../test-server.ts';
import { HTTP_CLIENTS } from './mcp-clients.ts';

const ALL = [
  'chat',
  'debug',
  'thinkdeep',
  'analyze',
  'codereview',
  'planner',
  'consensus',
  'secaudit',
  'testgen',
  'refactor',
  'precommit',
  'tracer',
  'docgen',
  'challenge',
];

function bytesOf(profile: 'lean' | 'standard' | 'full'): number {
  return Buffer.byteLength(JSON.stringify({ tools: listTools(profile) }));
}

describe('the profiles', () => {
  it.each([
    ['lean', ALL.slice(0, 5), 12_000],
    ['standard', ALL, 28_000],
    ['full', ALL, Number.POSITIVE_INFINITY],
  ] as const)('%s lists its tools in one order and keeps its size', (profile, names, most) => {
    expect(listTools(profile).map(({ name }) => name)).toEqual(names);
    expect(bytesOf(profile)).toBeLessThanOrEqual(most);
    expect(JSON.stringify(listTools(profile))).toBe(JSON.stringify(listTools(profile)));
  });

  it('full lists the fields of caller-driven steps, the others do not', () => {
    const fields = (profile: 'lean' | 'standard' | 'full') => {
      const debug = listTools(profile).find(({ name }) => name === 'debug');
      return Object.keys(debug?.inputSchema['properties'] as object);
    };
    expect(fields('full')).toEqual(expect.arrayContaining(['step', 'step_number', 'next_step_required', 'findings']));
    for (const profile of ['lean', 'standard'] as const) {
      expect(fields(profile)).not.toContain('step');
      expect(fields(profile)).toEqual(expect.arrayContaining(['prompt', 'continuation_id', 'relevant_files']));
    }
  });

  it('is chosen by EXAI_MCP_PROFILE; a tool that is not listed can be called all the same', async () => {
    const [, connect] = HTTP_CLIENTS[0]!;
    const standard = await startServer({ mcpProfile: 'standard' });
    expect((await (await connect(`${standard.url}/mcp`)).listTools()).tools.map(({ name }) => name)).toEqual(ALL);
    const lean = await connect(`${(await startServer()).url}/mcp`);
    const answer = await lean.call('challenge', chatOf(20));
    expect(answer.isError).toBe(false);
    expect(Object.keys(builtInWorkflows)).toEqual(ALL);
  });

  it('and MCP over WebSocket are set by variables, and nonsense is refused', () => {
    expect(loadConfig({})).toMatchObject({ mcpProfile: 'lean', mcpWebSocket: false });
    const set = loadConfig({ EXAI_MCP_PROFILE: 'full', EXAI_MCP_WS: '1' });
    expect(set).toMatchObject({ mcpProfile: 'full', mcpWebSocket: true });
    expect(loadConfig({ EXAI_MCP_WS: '0' }).mcpWebSocket).toBe(false);
    expect(() => loadConfig({ EXAI_MCP_PROFILE: 'tiny' })).toThrow(ConfigError);
    expect(() => loadConfig({ EXAI_MCP_WS: 'yes' })).toThrow('EXAI_MCP_WS must be 1 or 0, got yes');
  });

  it('takes a step of a run whose work the caller does, and hands back the next instruction', async () => {
    const [, connect] = HTTP_CLIENTS[0]!;
    const client = await connect(`${(await startServer({ mcpProfile: 'full' })).url}/mcp`);
    const step = {
      step: 'Read the failing test',
      step_number: 1,
      next_step_required: true,
      findings: 'the counter is read before it is written',
      relevant_files: ['a.ts'],
      confidence: 'low',
    };
    const answer = await client.call('debug', step);
    expect(answer.isError).toBe(false);
    expect(answer.structuredContent.status).toBe('continue');
    expect(answer.structuredContent.required_actions.length).toBeGreaterThan(0);
    const { continuation_id } = answer.structuredContent;
    const next = await client.call('debug', { ...step, step_number: 2, findings: 'more', continuation_id });
    expect(next.structuredContent.continuation_id).toBe(continuation_id);
    expect(next.structuredContent.step).toBe(2);
  });
});
