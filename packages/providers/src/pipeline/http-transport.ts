import { isRecord } from '../json-value.ts';

/** The part of `fetch` that is used. */
export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

/** Time to open a connection, in milliseconds. */
const CONNECT_MS = 10_000;
/** How long an idle connection is kept, in milliseconds. */
const KEEP_ALIVE_MS = 30_000;
/** Node's own fetch ends any silence at 300 s; budgets stay below it. */
export const NODE_FETCH_LIMIT_MS = 295_000;

interface Loaded {
  readonly fetch: FetchLike;
  readonly limitMs: number;
  readonly close: () => Promise<void>;
}

/**
 * Sends requests. With `undici` installed it uses that package's fetch and an agent without its 300 s limits, so that
 * the silence budgets alone decide; else the global fetch.
 */
export class HttpTransport {
  readonly #given: FetchLike | undefined;
  readonly #loadModule: (name: string) => Promise<unknown>;
  #ready: Promise<Loaded> | undefined;

  constructor(given?: FetchLike, load: (name: string) => Promise<unknown> = importOptional) {
    this.#given = given;
    this.#loadModule = load;
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const { fetch } = await this.#load();
    return fetch(url, init);
  }

  /** Longest silence the transport itself tolerates, in milliseconds. */
  async limitMs(): Promise<number> {
    return (await this.#load()).limitMs;
  }

  /** Closes idle connections. */
  async close(): Promise<void> {
    if (this.#ready === undefined) return;
    const { close } = await this.#ready;
    this.#ready = undefined;
    await close();
  }

  #load(): Promise<Loaded> {
    this.#ready ??= this.#choose();
    return this.#ready;
  }

  async #choose(): Promise<Loaded> {
    const nothing = async (): Promise<void> => {};
    if (this.#given !== undefined) {
      return { fetch: this.#given, limitMs: Number.POSITIVE_INFINITY, close: nothing };
    }
    const isNode = globalThis.process?.versions?.node !== undefined;
    const undici = isNode ? toTransport(await this.#loadModule('undici')) : undefined;
    if (undici !== undefined) return undici;
    const fetch: FetchLike = (url, init) => globalThis.fetch(url, init);
    return { fetch, limitMs: isNode ? NODE_FETCH_LIMIT_MS : Number.POSITIVE_INFINITY, close: nothing };
  }
}

function toTransport(module: unknown): Loaded | undefined {
  if (!isUndici(module)) return undefined;
  const dispatcher = new module.Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_MS },
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  return {
    fetch: (url, init) => module.fetch(url, { ...init, dispatcher }),
    limitMs: Number.POSITIVE_INFINITY,
    close: () => dispatcher.close(),
  };
}

interface Undici {
  readonly Agent: new (options: Readonly<Record<string, unknown>>) => { close(): Promise<void> };
  readonly fetch: (url: string, init: Omit<RequestInit, 'dispatcher'> & { dispatcher: unknown }) => Promise<Response>;
}

/** A name that is no literal, so that bundlers do not demand a package that is optional. */
async function importOptional(name: string): Promise<unknown> {
  try {
    const module: unknown = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
    return module;
  } catch {
    return undefined;
  }
}

function isUndici(module: unknown): module is Undici {
  return isRecord(module) && typeof module['Agent'] === 'function' && typeof module['fetch'] === 'function';
}
