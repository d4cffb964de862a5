import { execFileSync } from 'node:child_process';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createEngine } from '../../src/engine.ts';
import type { Engine } from '../../src/engine.ts';
import type { Model, ModelRequest, ModelResult } from '../../src/model.ts';
import { builtInWorkflows, TOOL_NAMES } from '../../src/tools/index.ts';
import type { ToolName } from '../../src/tools/index.ts';
import { sandbox } from '../evidence/sandbox.ts';
import type { Sandbox } from '../evidence/sandbox.ts';

const WORK = TOOL_NAMES.filter((name) => builtInWorkflows[name].kind === 'workflow');

let box: Sandbox;
beforeAll(async () => {
  box = await sandbox({
    'src/lock.js':
      'export function run(lock, job) {\n  lock.take();\n  if (!job) return;\n  job();\n  lock.give();\n}\n',
    'src/main.js': "import { run } from './lock.js';\n\nrun(lock, undefined);\nrun(lock, work);\n",
    '.env': 'TOKEN=do-not-show\n',
  });
  const git = (...args: string[]): void => {
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: box.root });
  };
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'first');
  await box.write('src/main.js', "import { run } from './lock.js';\n\nrun(lock, undefined);\nrun(lock, changed);\n");
});
afterAll(() => box.remove());

/** A model by shape: it looks at everything, cites what it saw for each thing required, and ends. */
function worker(): Model & { requests: ModelRequest[] } {
  const requests: ModelRequest[] = [];
  const answer = (request: ModelRequest): Partial<ModelResult> => {
    const offered = (request.tools ?? []).map((tool) => tool.name);
    if (offered.length === 0) return { text: direct(request) };
    const turn = request.messages.filter((message) => message.role === 'assistant').length;
    const looks = [
      offered.includes('list_files') ? [call('list_files', {})] : [],
      offered.includes('read_file') ? ['src/lock.js', 'src/main.js'].map((path) => call('read_file', { path })) : [],
      offered.includes('git_diff') ? [call('git_diff', {}), call('search_text', { text: 'lock' })] : [],
    ].filter((calls) => calls.length > 0);
    return { toolCalls: looks[turn] ?? [call('report_step', claim(request))] };
  };
  return {
    provider: 'shape',
    modelId: 'shape-1',
    requests,
    stream: (request) => {
      requests.push(structuredClone(request));
      const result = { text: '', reasoning: '', toolCalls: [], usage: USAGE, finishReason: 'stop', ...answer(request) };
      return {
        async *[Symbol.asyncIterator]() {
          if (result.text !== '') yield { type: 'text', delta: result.text };
        },
        final: async () => result,
        abort: () => undefined,
      };
    },
  };
}

const USAGE = { inputTokens: 10, outputTokens: 5, reasoningTokens: 0, cachedTokens: 0, totalTokens: 15 };
let calls = 0;
const call = (name: string, args: unknown) => ({ id: `c${(calls += 1)}`, name, arguments: args });

function textOf(request: ModelRequest): string {
  return request.messages.map((message) => (typeof message.content === 'string' ? message.content : '')).join('\n');
}

function direct(request: ModelRequest): string {
  if (textOf(request).includes('Reply with one JSON object')) return '{"ok": true, "gaps": [], "reason": "backed"}';
  return `answer to: ${textOf(request).slice(-40)}`;
}

function claim(request: ModelRequest): unknown {
  const wanted = [...textOf(request).matchAll(/^- (?<id>[a-z_]+): /gm)].map((match) => match.groups?.['id'] ?? '');
  const panel = [...new Set(textOf(request).match(/panel:[\w-]+/g))];
  const sources = panel.length > 0 ? panel : ['src/lock.js:3', 'src/main.js:3-4'];
  return {
    findings: 'src/lock.js returns before the lock is given back',
    confidence: 'very_high',
    next_step_required: false,
    citations: wanted.flatMap((requirement) => sources.map((source) => ({ requirement, source }))),
  };
}

async function runTool(
  name: ToolName,
  roots: readonly string[],
): Promise<{
  model: ReturnType<typeof worker>;
  engine: Engine;
  result: Awaited<ReturnType<Engine['start']>['result']>;
}> {
  const model = worker();
  const engine = createEngine({ model, roots });
  const result = await engine.start(builtInWorkflows[name], { prompt: `try ${name}` }).result;
  return { model, engine, result };
}

describe('every tool, engine-driven', () => {
  it.each(WORK)('%s looks, reports and ends complete, every requirement backed by what our tools saw', async (name) => {
    const { model, engine, result } = await runTool(name, [box.root]);
    expect(result.stop).toMatchObject({ kind: 'complete', verified: true, grade: 'observed', gaps: [] });
    expect(result.coverage.missing).toEqual([]);
    expect(result.text).not.toBe('');
    expect(JSON.stringify(model.requests)).not.toContain('do-not-show');
    await engine.close();
  });

  it.each(['chat', 'challenge'] as const)('%s answers in one call without tools', async (name) => {
    const { model, engine, result } = await runTool(name, [box.root]);
    expect(result.stop.kind).toBe('complete');
    expect(result.text).toContain('answer to:');
    expect(model.requests).toHaveLength(1);
    expect(model.requests[0]?.tools ?? []).toEqual([]);
    await engine.close();
  });

  it.each(WORK)('%s offers no file tool without a root, and never calls an unseen place evidence', async (name) => {
    const { model, engine, result } = await runTool(name, []);
    const offered = model.requests.flatMap((request) => (request.tools ?? []).map((tool) => tool.name));
    expect(offered.filter((tool) => tool !== 'report_step')).toEqual([]);
    const isBacked = name === 'consensus';
    expect(result.stop).toMatchObject({ kind: 'complete', verified: isBacked });
    await engine.close();
  });

  it('does not take a listing for evidence of a line', async () => {
    const model = worker();
    const { stream } = model;
    model.stream = (request) => {
      const answer = stream(request);
      const final = async (): Promise<ModelResult> => {
        const result = await answer.final();
        return JSON.parse(JSON.stringify(result).replaceAll(/"source":"[^"]*"/g, '"source":"."')) as ModelResult;
      };
      return { ...answer, [Symbol.asyncIterator]: answer[Symbol.asyncIterator].bind(answer), final };
    };
    const engine = createEngine({ model, roots: [box.root] });
    const { stop, coverage } = await engine.start(builtInWorkflows.debug, { prompt: 'x' }).result;
    expect(stop).not.toMatchObject({ verified: true });
    expect(coverage.met).toEqual([]);
    await engine.close();
  });

  it('consensus asks its voices blind to one another', async () => {
    const { model, engine } = await runTool('consensus', []);
    const [first, second] = model.requests;
    expect(JSON.stringify(first?.messages)).toContain('case for');
    expect(JSON.stringify(second?.messages)).toContain('case against');
    expect(JSON.stringify(second?.messages)).not.toContain('answer to:');
    await engine.close();
  });
});
