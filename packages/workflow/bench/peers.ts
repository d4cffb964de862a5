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

/** A turn whose calls have ids, as every peer wants them. */
interface Turn extends Move {
  readonly calls: readonly (Move['calls'][number] & { readonly id: string })[];
}

/** The scripted agent as a peer meets it: done at the first turn without a call, whatever it says. */
class PeerPlayback extends Playback {
  isDone = false;
  #calls = 0;

  turn(): Turn {
    const move = this.move();
    this.isDone = move.calls.length === 0;
    return { ...move, calls: move.calls.map((call) => ({ ...call, id: `c${(this.#calls += 1)}` })) };
  }
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
      const play = new PeerPlayback(family, seed);
      const model = new MockLanguageModelV3({
        doGenerate: async () => {
          const turn = play.turn();
          const calls = turn.calls.map(({ id, name, args }) => ({
            type: 'tool-call',
            toolCallId: id,
            toolName: name,
            input: JSON.stringify(args),
          }));
          const content = calls.length > 0 ? calls : [{ type: 'text', text: turn.text ?? turn.report?.findings ?? '' }];
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
      return ofPlay(family, seed, play, play.isDone);
    },
  };
}

async function openaiAgents(): Promise<Peer> {
  const { Agent, Runner, tool, setTracingDisabled } = await load('@openai/agents');
  setTracingDisabled(true);
  return {
    name: '@openai/agents (10)',
    run: async (family, seed) => {
      const play = new PeerPlayback(family, seed);
      const model = {
        getResponse: async () => toAgentsResponse(play.turn()),
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
      return ofPlay(family, seed, play, play.isDone);
    },
  };
}

function toAgentsResponse({ calls, text }: Turn): object {
  const called = calls.map(({ id, name, args }) => ({
    type: 'function_call',
    callId: id,
    name,
    status: 'completed',
    arguments: JSON.stringify(args),
  }));
  const said = {
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: text ?? 'finished' }],
  };
  return {
    output: called.length > 0 ? called : [said],
    usage: { requests: 1, inputTokens: 1, outputTokens: 1, totalTokens: 2, add: () => undefined },
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
      const play = new PeerPlayback(family, seed);
      const model = new FakeModel(() => {
        const { calls, text } = play.turn();
        const called = calls.map(({ id, name, args }) => ({ id, name, args, type: 'tool_call' }));
        return new AIMessage({ content: text ?? 'finished', tool_calls: called });
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
      return ofPlay(family, seed, play, play.isDone);
    },
  };
}
