import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Accounts } from './accounts.ts';
import { webResults } from './answer.ts';
import { contextTokens } from './context-window.ts';
import { glmError, kimiError, type WireError } from './dialect.ts';
import { FileStore } from './file-store.ts';
import { parseJson, sendJson } from './http-exchange.ts';
import { asNumber, asObject, asText, type JsonObject } from './json.ts';
import type { SimulatedProvider } from './persona-reply.ts';
import { readCall } from './read-call.ts';
import { estimateTokens } from './tokens.ts';

/** One request outside the chat. */
interface Ask {
  readonly provider: SimulatedProvider;
  readonly account: string;
  /** Method and path below the base URL. */
  readonly route: string;
  readonly body: Buffer;
  readonly contentType: string;
}

type Reply = { readonly status: number; readonly body: unknown } | { readonly text: string };

const KIMI_MODELS = ['kimi-k3.1-pro', 'kimi-k3', 'kimi-k2.7-code', 'kimi-k2.6', 'kimi-k2.5', 'moonshot-v1-128k'];
const KIMI_PURPOSES = ['file-extract', 'image', 'video', 'batch'];
const MOST_QUERY = 70;
const FIVE_HOURS_MS = 18_000_000;

/** Answers what is no chat: files, balance, models, token counts, searches, plan windows and Formulas. */
export class RestEndpoint {
  readonly #accounts: Accounts;
  readonly #files = new FileStore();

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
  }

  async handle(
    provider: SimulatedProvider,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
  ): Promise<void> {
    const { name, refusal } = this.#accounts.identify(provider, request);
    if (refusal !== undefined) {
      sendJson(response, refusal.status, refusal.body);
      return;
    }
    const reply = await this.#reply({
      provider,
      account: name,
      route: `${request.method} ${path}`,
      body,
      contentType: request.headers['content-type'] ?? '',
    });
    if (!('text' in reply)) {
      sendJson(response, reply.status, reply.body);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(reply.text);
  }

  async #reply(ask: Ask): Promise<Reply> {
    if (/ \/files(\/|$)/.test(ask.route)) return this.#fileReply(ask);
    const reply = ask.provider === 'glm' ? glmReply(ask) : kimiReply(ask);
    return reply ?? missing(ask);
  }

  async #fileReply(ask: Ask): Promise<Reply> {
    const { account, provider } = ask;
    if (ask.route === 'POST /files') return this.#upload(ask);
    if (ask.route === 'GET /files') return ok({ object: 'list', data: this.#files.list(account) });
    const [, method, id = '', content] = /^(GET|DELETE) \/files\/([^/]+)(\/content)?$/.exec(ask.route) ?? [];
    if (method === 'DELETE') {
      return this.#files.delete(account, id) ? ok({ id, object: 'file', deleted: true }) : missing(ask);
    }
    if (method === 'GET' && content === undefined) {
      const file = this.#files.get(account, id);
      return file === undefined ? missing(ask) : ok(file);
    }
    const stored = method === 'GET' ? this.#files.content(account, id) : undefined;
    if (stored === undefined) return missing(ask);
    if (provider === 'glm') return { text: stored.text };
    return ok({ content: stored.text, file_type: 'text/plain', filename: stored.name, title: '', type: 'file' });
  }

  async #upload(ask: Ask): Promise<Reply> {
    const form = await readForm(ask);
    const file = form?.get('file');
    const purpose = form?.get('purpose');
    if (!(file instanceof File) || typeof purpose !== 'string') return refused(ask, 'file and purpose are required');
    if (ask.provider === 'kimi' && !KIMI_PURPOSES.includes(purpose)) {
      return refused(ask, `purpose must be one of ${KIMI_PURPOSES.join(', ')}`);
    }
    const data = Buffer.from(await file.arrayBuffer());
    return ok(this.#files.add(ask.account, { name: file.name, purpose, data }));
  }
}

async function readForm({ body, contentType }: Ask): Promise<FormData | undefined> {
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
  } catch {
    // Not multipart: said so by the missing file.
    return undefined;
  }
}

function glmReply(ask: Ask): Reply | undefined {
  const body = parseJson(ask.body) ?? {};
  switch (ask.route) {
    case 'POST /tokenizer': {
      const tokens = countTokens('glm', body);
      return ok({ id: 'simulated', created: seconds(), usage: { prompt_tokens: tokens, total_tokens: tokens } });
    }
    case 'POST /web_search':
      return glmSearch(ask, body);
    case 'GET /monitor/usage/quota/limit':
      return ok({
        code: 200,
        msg: 'Operation successful',
        success: true,
        data: { level: 'pro', limits: planWindows() },
      });
    default:
      return undefined;
  }
}

function glmSearch(ask: Ask, body: JsonObject): Reply {
  const query = asText(body['search_query']);
  if (query === '' || query.length > MOST_QUERY)
    return refused(ask, `search_query must have 1 to ${MOST_QUERY} characters`);
  return ok({
    id: 'simulated',
    created: seconds(),
    search_intent: [{ query, intent: 'SEARCH_ALL', keywords: query }],
    search_result: webResults(query, Math.min(asNumber(body['count']) ?? 10, 50)),
  });
}

function planWindows(): JsonObject[] {
  const nextResetTime = Date.now() + FIVE_HOURS_MS;
  return [
    {
      type: 'TOKENS_LIMIT',
      usage: 40_000_000,
      currentValue: 4_000_000,
      remaining: 36_000_000,
      percentage: 10,
      nextResetTime,
    },
    { type: 'TIME_LIMIT', usage: 100, currentValue: 3, remaining: 97, percentage: 3 },
  ];
}

function kimiReply(ask: Ask): Reply | undefined {
  const body = parseJson(ask.body) ?? {};
  switch (ask.route) {
    case 'GET /users/me/balance':
      return ok({
        code: 0,
        data: { available_balance: 49.58894, voucher_balance: 46.58893, cash_balance: 3.00001 },
        scode: '0x0',
        status: true,
      });
    case 'GET /models':
      return ok({
        object: 'list',
        data: KIMI_MODELS.map((id) => ({
          id,
          object: 'model',
          owned_by: 'moonshot',
          context_length: contextTokens(id),
        })),
      });
    case 'POST /tokenizers/estimate-token-count':
      return ok({ code: 0, data: { total_tokens: countTokens('kimi', body) }, scode: '0x0', status: true });
    case 'GET /formulas/moonshot/web-search:latest/tools':
      return ok({ object: 'list', tools: [FORMULA_TOOL] });
    case 'POST /formulas/moonshot/web-search:latest/fibers':
      return fiber(ask, body);
    default:
      return undefined;
  }
}

const FORMULA_TOOL: JsonObject = {
  type: 'function',
  function: {
    name: 'web_search',
    description: 'Searches the web (Formula moonshot/web-search).',
    parameters: {
      type: 'object',
      properties: { query: { type: 'string', description: 'What to search for' } },
      required: ['query'],
    },
  },
};

function fiber(ask: Ask, body: JsonObject): Reply {
  if (body['name'] !== 'web_search') return missing(ask);
  const given = body['arguments'];
  const parsed = typeof given === 'string' ? parseJson(Buffer.from(given)) : asObject(given);
  const query = asText(parsed?.['query']);
  const context =
    query === ''
      ? { error: 'query is required' }
      : { input: JSON.stringify({ query }), output: JSON.stringify(webResults(query, 2)) };
  const status = query === '' ? 'failed' : 'succeeded';
  return ok({ id: 'fiber-simulated', object: 'fiber', status, formula: 'moonshot/web-search:latest', context });
}

function countTokens(provider: SimulatedProvider, body: JsonObject): number {
  return readCall(provider, body, 0).messages.reduce((sum, { text }) => sum + estimateTokens(text), 0);
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}

function refused({ provider }: Ask, message: string): Reply {
  return asReply(
    provider === 'glm' ? glmError(400, '1210', message) : kimiError(400, 'invalid_request_error', message),
  );
}

function missing({ provider, route }: Ask): Reply {
  const message = `not found: ${route}`;
  return asReply(
    provider === 'glm' ? glmError(404, '1212', message) : kimiError(404, 'resource_not_found_error', message),
  );
}

function asReply({ status, body }: WireError): Reply {
  return { status, body };
}
