import type { ChatRequest, FunctionTool, ToolCall } from '../chat/chat-model.ts';
import type { ModelInfo } from '../chat/model-catalog.ts';
import { ProviderError } from '../chat/provider-error.ts';
import { at, isRecord, listOf, textOf } from '../json-value.ts';
import type { RestClient } from '../pipeline/rest-client.ts';
import type { ServerToolResult, ServerTools } from '../pipeline/server-tools.ts';
import { type KimiRequestSettings, searchMechanism, WEB_SEARCH_TOOL } from './kimi-request.ts';

const FORMULA = '/formulas/moonshot/web-search:latest';

/** Kimi's web search: the echo of `$web_search`, or the functions of a Formula, whose definitions are asked for once. */
export class KimiSearch {
  readonly #rest: Pick<RestClient, 'json'>;
  readonly #settings: Pick<KimiRequestSettings, 'webSearch'>;
  #functions: Promise<readonly FunctionTool[]> | undefined;

  constructor(rest: Pick<RestClient, 'json'>, settings: Pick<KimiRequestSettings, 'webSearch'>) {
    this.#rest = rest;
    this.#settings = settings;
  }

  /** The search tools a request needs. */
  async toolsFor(request: ChatRequest, model: ModelInfo): Promise<ServerTools | undefined> {
    const mechanism = searchMechanism(request, model, this.#settings);
    if (mechanism === 'none') return undefined;
    if (mechanism === 'formula') return this.#formula();
    return { tools: [], handles: (name) => name === WEB_SEARCH_TOOL, run: echo };
  }

  async #formula(): Promise<ServerTools> {
    const tools = await this.#loadFunctions();
    const names = new Set(tools.map(({ name }) => name));
    return { tools, handles: (name) => names.has(name), run: (call, signal) => this.#runFiber(call, signal) };
  }

  #loadFunctions(): Promise<readonly FunctionTool[]> {
    const loading = this.#functions ?? this.#fetchFunctions();
    this.#functions = loading;
    loading.catch(() => {
      // The next call asks again.
      this.#functions = undefined;
    });
    return loading;
  }

  async #fetchFunctions(): Promise<readonly FunctionTool[]> {
    const body = await this.#rest.json({ method: 'GET', path: `${FORMULA}/tools` });
    return listOf(at(body, 'tools')).flatMap((tool) => {
      const name = textOf(at(tool, 'function', 'name'));
      if (name === undefined) return [];
      const description = textOf(at(tool, 'function', 'description'));
      const parameters = at(tool, 'function', 'parameters');
      return [
        { name, ...(description !== undefined && { description }), parameters: isRecord(parameters) ? parameters : {} },
      ];
    });
  }

  /** A search that fails is told to the model, which may answer without it. */
  async #runFiber(call: ToolCall, signal: AbortSignal): Promise<ServerToolResult> {
    const json = { name: call.name, arguments: call.raw ?? JSON.stringify(call.arguments) };
    const fiber = await this.#rest.json({ method: 'POST', path: `${FORMULA}/fibers`, json, signal }).catch(asError);
    const output = at(fiber, 'context', 'output') ?? at(fiber, 'context', 'encrypted_output') ?? at(fiber, 'output');
    if (typeof output === 'string' && output !== '') return { content: output };
    if (output !== undefined && output !== null && output !== '') return { content: JSON.stringify(output) };
    const why = textOf(at(fiber, 'context', 'error')) ?? textOf(at(fiber, 'error')) ?? 'the search gave no result';
    return { content: `Error: ${why}` };
  }
}

/** What the model is told of a request that failed; an abort stays one. */
function asError(error: unknown): { error: string } {
  if (ProviderError.is(error) && error.code !== 'ABORTED') return { error: error.code };
  throw error;
}

/** The built-in search runs at Kimi: its arguments go back byte for byte. */
async function echo(call: ToolCall): Promise<ServerToolResult> {
  return { content: call.raw ?? JSON.stringify(call.arguments) };
}
