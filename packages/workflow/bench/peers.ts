import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { z } from 'zod';

import type { Family, Move } from './family.ts';
import { ofPlay, Playback, type Outcome } from './run-scenario.ts';

const FOLDER = fileURLToPath(new URL('../../../bench-peers/workflow/', import.meta.url));

/** A real peer: its loop, with its own default cap, around the scripted agent. */
export interface Peer {
  readonly name: string;
  run(family: Family, seed: number): Promise<Outcome>;
}

/** Installs the peers where they are not yet, and loads them. An agent says "finished" to a peer by calling no tool. */
export async function loadPeers(): Promise<Peer[]> {
  if (!existsSync(`${FOLDER}node_modules/ai`)) {
    console.log(`installing the peers in ${FOLDER} …`);
    execFileSync(
      'npm',
      ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=dev', '--package-lock=false'],
      { cwd: FOLDER, stdio: 'ignore' },
    );
  }
  return [await aiSdk(), await openaiAgents(), await langGraph()];
}

/** A module of the peers' folder. Untyped: the bench must compile where they are not installed. */
async function load(name: string): Promise<any> {
  const path = createRequire(`${FOLDER}package.json`).resolve(name);
  return await import(pathToFileURL(path).href);
}

/** A peer ends at the first turn without a call, whatever it says. */
function isDone(move: Move): boolean {
  return move.calls.length === 0;
}

async function aiSdk(): Promise<Peer> {
  const { ToolLoopAgent, tool, jsonSchema } = await load('ai');
  const { MockLanguageModelV3 } = await load('ai/test');
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  };
  return {
    name: 'ai@6 ToolLoopAgent (20)',
    run: async (family, seed) => {
      const play = new Playback(family, seed);
      let done = false;
      let call = 0;
      const model = new MockLanguageModelV3({
        doGenerate: async () => {
          const move = play.move();
          done = isDone(move);
          const calls = move.calls.map(({ name, args }) => ({
            type: 'tool-call',
            toolCallId: `c${(call += 1)}`,
            toolName: name,
            input: JSON.stringify(args),
          }));
          const content = calls.length > 0 ? calls : [{ type: 'text', text: move.text ?? move.report?.findings ?? '' }];
          const finishReason = { unified: calls.length > 0 ? 'tool-calls' : 'stop', raw: undefined };
          return { content, finishReason, usage, warnings: [] };
        },
      });
      const tools = Object.fromEntries(
        family.tools.map(({ name }) => [
          name,
          tool({
            description: name,
            inputSchema: jsonSchema({ type: 'object', additionalProperties: true }),
            execute: (args: Record<string, unknown>) => play.answer(name, args).content,
          }),
        ]),
      );
      await new ToolLoopAgent({ model, tools }).generate({ prompt: 'task' });
      return ofPlay(family, seed, play, done);
    },
  };
}

async function openaiAgents(): Promise<Peer> {
  const { Agent, Runner, tool, setTracingDisabled } = await load('@openai/agents');
  setTracingDisabled(true);
  return {
    name: '@openai/agents (10)',
    run: async (family, seed) => {
      const play = new Playback(family, seed);
      let done = false;
      let call = 0;
      const model = {
        getResponse: async () => {
          const move = play.move();
          done = isDone(move);
          const calls = move.calls.map(({ name, args }) => ({
            type: 'function_call',
            callId: `c${(call += 1)}`,
            name,
            status: 'completed',
            arguments: JSON.stringify(args),
          }));
          const text = {
            type: 'message',
            role: 'assistant',
            status: 'completed',
            content: [{ type: 'output_text', text: move.text ?? 'finished' }],
          };
          return {
            output: calls.length > 0 ? calls : [text],
            usage: { requests: 1, inputTokens: 1, outputTokens: 1, totalTokens: 2, add: () => undefined },
          };
        },
        getStreamedResponse: () => {
          throw new Error('not streamed');
        },
      };
      const tools = family.tools.map(({ name }) =>
        tool({
          name,
          description: name,
          strict: false,
          parameters: { type: 'object', properties: {}, required: [], additionalProperties: true },
          execute: async (args: Record<string, unknown>) => play.answer(name, args).content,
        }),
      );
      const runner = new Runner({ tracingDisabled: true, modelProvider: { getModel: () => model } });
      try {
        await runner.run(new Agent({ name: 'agent', instructions: 'task', model, tools }), 'task');
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'MaxTurnsExceededError') throw error;
      }
      return ofPlay(family, seed, play, done);
    },
  };
}

async function langGraph(): Promise<Peer> {
  const { createReactAgent } = await load('@langchain/langgraph/prebuilt');
  const { BaseChatModel } = await load('@langchain/core/language_models/chat_models');
  const { AIMessage } = await load('@langchain/core/messages');
  const { tool } = await load('@langchain/core/tools');
  class FakeModel extends BaseChatModel {
    reply: () => unknown;
    constructor(reply: () => unknown) {
      super({});
      this.reply = reply;
    }
    _llmType(): string {
      return 'fake';
    }
    bindTools(): unknown {
      return this;
    }
    async _generate(): Promise<unknown> {
      const message = this.reply();
      return { generations: [{ text: '', message }] };
    }
  }
  return {
    name: 'LangGraph ReAct (25 super-steps)',
    run: async (family, seed) => {
      const play = new Playback(family, seed);
      let done = false;
      let call = 0;
      const model = new FakeModel(() => {
        const move = play.move();
        done = isDone(move);
        const calls = move.calls.map(({ name, args }) => ({ id: `c${(call += 1)}`, name, args, type: 'tool_call' }));
        return new AIMessage({ content: move.text ?? 'finished', tool_calls: calls });
      });
      const tools = family.tools.map(({ name }) =>
        tool((args: Record<string, unknown>) => play.answer(name, args).content, {
          name,
          description: name,
          schema: z.looseObject({}),
        }),
      );
      try {
        await createReactAgent({ llm: model, tools }).invoke({ messages: [{ role: 'user', content: 'task' }] });
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'GraphRecursionError') throw error;
      }
      return ofPlay(family, seed, play, done);
    },
  };
}
