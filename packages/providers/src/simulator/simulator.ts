import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { type AccountLimits, AccountGate } from './account-limits.ts';
import { Accounts } from './accounts.ts';
import { ChatEndpoint } from './chat-endpoint.ts';
import { type FaultRates, Faults } from './faults.ts';
import { parseJson, readBody, sendJson } from './http-exchange.ts';
import { asNumber, type JsonObject } from './json.ts';
import type { LatencyProfile } from './latency.ts';
import type { Persona, SimulatedProvider } from './persona-reply.ts';
import { RestEndpoint } from './rest-endpoint.ts';
import { Script, type Scripted, type ShapeName, WIRE_SHAPES } from './script.ts';
import { SimulatorLog } from './simulator-log.ts';

/** Options of {@link createSimulator}. */
export interface SimulatorOptions {
  /** @defaultValue 0, a free port */
  readonly port?: number;
  /** @defaultValue '127.0.0.1' */
  readonly host?: string;
  /** Equal seeds and equal calls give equal answers, times and faults. @defaultValue 1 */
  readonly seed?: number;
  /** Multiplies every time the simulator draws, not `simulate.serviceMs`. @defaultValue 1 */
  readonly timeScale?: number;
  /** Limits of each account (API key); a number means calls at one time. By default there are none. */
  readonly limits?: { readonly glm?: number | AccountLimits; readonly kimi?: number | AccountLimits };
  /** @defaultValue 'realistic' */
  readonly latency?: LatencyProfile;
  /** Decides what calls are answered with. By default answers restate the question. */
  readonly persona?: Persona;
  /** Faults from the start; see {@link Faults}. */
  readonly faults?: Partial<FaultRates>;
  /** API keys that are good. By default every key is. */
  readonly keys?: readonly string[];
  /** Refuses what the real providers refuse: unknown models, bad histories, parameters that a model does not take. @defaultValue true */
  readonly validate?: boolean;
  /** Keeps the body of each chat request in the log. @defaultValue false */
  readonly recordRequests?: boolean;
}

/** A GLM and a Kimi on one local port. */
export interface Simulator extends AsyncDisposable {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  readonly glm: { readonly baseURL: string };
  readonly kimi: { readonly baseURL: string };
  readonly timeScale: number;
  readonly log: SimulatorLog;
  readonly faults: Faults;
  /**
   * Answers the next calls of a provider with a wire shape by name, or with a transcript. Scripted answers are taken in order,
   * before limits and faults.
   *
   * @throws RangeError when the provider has no such shape.
   */
  script(provider: SimulatedProvider, answer: Scripted, options?: { readonly times?: number }): void;
  /** Stops at once: running calls are cut. */
  close(): Promise<void>;
}

/**
 * Starts a simulated GLM and Kimi.
 *
 * @throws RangeError when an option is out of range; the error of `listen` when the port is taken.
 */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const timeScale = options.timeScale ?? 1;
  if (!(timeScale > 0)) throw new RangeError(`timeScale must be a positive number, got ${timeScale}`);
  const log = new SimulatorLog();
  const faults = new Faults(options.faults);
  const limits = { glm: accountLimits('glm', options), kimi: accountLimits('kimi', options) };
  const script = new Script();
  const accounts = new Accounts(options.keys);
  const chat = new ChatEndpoint({
    log,
    script,
    accounts,
    faults,
    gate: new AccountGate(limits, timeScale),
    timeScale,
    seed: options.seed ?? 1,
    latency: options.latency ?? 'realistic',
    persona: options.persona,
    recordRequests: options.recordRequests ?? false,
    validate: options.validate ?? true,
  });
  const router = new Router({ chat, rest: new RestEndpoint(accounts), script, log, faults, timeScale });
  const server = createServer((request, response) => void router.handle(request, response));
  const url = await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url,
    glm: { baseURL: `${url}/api/paas/v4` },
    kimi: { baseURL: `${url}/v1` },
    timeScale,
    log,
    faults,
    script: (provider, answer, { times = 1 } = {}) => script.add(provider, answer, times),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function accountLimits(provider: SimulatedProvider, { limits }: SimulatorOptions): AccountLimits {
  const given = limits?.[provider];
  if (given === undefined) return {};
  const account = typeof given === 'number' ? { concurrency: given } : given;
  for (const [name, value] of Object.entries(account)) {
    if (typeof value === 'number' && !(value > 0)) {
      throw new RangeError(`limits.${provider} ${name} must be positive, got ${value}`);
    }
  }
  return account;
}

function listen(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      const actual = typeof address === 'object' && address !== null ? address.port : port;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${actual}`);
    });
  });
}

interface RouterParts {
  readonly chat: ChatEndpoint;
  readonly rest: RestEndpoint;
  readonly script: Script;
  readonly log: SimulatorLog;
  readonly faults: Faults;
  readonly timeScale: number;
}

class Router {
  readonly #parts: RouterParts;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      // A persona or a script that throws: the call fails, the simulator lives on.
      const message = error instanceof Error ? error.message : String(error);
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: { code: 'simulator', type: 'simulator', message } });
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const receivedAt = performance.now();
    const { pathname } = new URL(request.url ?? '/', 'http://simulator');
    const target = targetOf(pathname);
    if (request.method === 'POST' && target?.path === '/chat/completions') {
      await this.#parts.chat.handle(target.provider, request, response, receivedAt);
      return;
    }
    const body = (await readBody(request)) ?? Buffer.alloc(0);
    if (target !== undefined) {
      await this.#parts.rest.handle(target.provider, target.path, request, response, body);
      return;
    }
    const { status, body: answer } = this.#control(`${request.method} ${pathname}`, parseJson(body) ?? {});
    sendJson(response, status, answer);
  }

  #control(route: string, body: JsonObject): { status: number; body: unknown } {
    const { log, faults } = this.#parts;
    switch (route) {
      case 'GET /__simulator':
        return { status: 200, body: this.#summary() };
      case 'GET /__simulator/calls':
        return { status: 200, body: log.calls };
      case 'POST /__simulator/reset':
        log.reset();
        return { status: 200, body: this.#summary() };
      case 'POST /__simulator/faults':
        return this.#attempt(() => setFaults(faults, body));
      case 'POST /__simulator/script':
        return this.#attempt(() => setScript(this.#parts.script, body));
      default:
        return { status: 404, body: { error: { message: `no such path: ${route}` } } };
    }
  }

  #attempt(change: () => void): { status: number; body: unknown } {
    try {
      change();
      return { status: 200, body: this.#summary() };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return { status: 400, body: { error: { message: error.message } } };
    }
  }

  #summary(): unknown {
    const { log, faults, timeScale } = this.#parts;
    return { timeScale, ...log.summary(), faults: { glm: faults.get('glm'), kimi: faults.get('kimi') } };
  }
}

function setFaults(faults: Faults, { provider, ...change }: JsonObject): void {
  const values = Object.entries(change).map(([name, value]) => [name, asNumber(value) ?? Number.NaN] as const);
  faults.set(Object.fromEntries(values), provider === undefined ? undefined : providerNamed(provider));
}

function setScript(script: Script, { provider, shape, times }: JsonObject): void {
  script.add(providerNamed(provider), shapeNamed(shape), asNumber(times) ?? 1);
}

function providerNamed(name: unknown): SimulatedProvider {
  if (name === 'glm' || name === 'kimi') return name;
  throw new RangeError(`provider must be glm or kimi, got ${JSON.stringify(name)}`);
}

function shapeNamed(name: unknown): ShapeName {
  const known = WIRE_SHAPES.find((shape) => shape === name);
  if (known === undefined) throw new RangeError(`unknown wire shape ${JSON.stringify(name)}`);
  return known;
}

/** GLM's paths are below `/api/paas/v4` or `/api/coding/paas/v4`, Kimi's below `/v1` or `/coding/v1`. */
function targetOf(path: string): { readonly provider: SimulatedProvider; readonly path: string } | undefined {
  const glm = /^\/api(?:\/coding)?\/paas\/v4(\/.*)$/.exec(path) ?? /^\/api(\/monitor\/.*)$/.exec(path);
  if (glm?.[1] !== undefined) return { provider: 'glm', path: glm[1] };
  const kimi = /^(?:\/coding)?\/v1(\/.*)$/.exec(path);
  return kimi?.[1] === undefined ? undefined : { provider: 'kimi', path: kimi[1] };
}
