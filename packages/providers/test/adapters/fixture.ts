import { expect, it } from 'vitest';

import {
  type CallOptions,
  type ChatEvent,
  type ChatRequest,
  type ChatResult,
  createGLM,
  createKimi,
  type GLMOptions,
  type KimiOptions,
  type ProviderError,
} from '@exai/providers';

import { type Reply, type SeenRequest, wireServer } from './wire-server.ts';

/** One behaviour on the wire: what is asked, what the server answers, what must be sent and what must come out. */
export interface Fixture {
  readonly name: string;
  readonly only?: 'glm' | 'kimi';
  readonly model?: string;
  readonly options?: GLMOptions & KimiOptions;
  readonly request?: Partial<ChatRequest> & Record<string, unknown>;
  readonly call?: CallOptions;
  readonly replies: readonly Reply[];
  /** Ask with `generate` instead of reading the stream. */
  readonly generate?: boolean;
  readonly requests?: number;
  readonly sent?: (body: any, seen: readonly SeenRequest[]) => void;
  readonly result?: Record<string, unknown>;
  readonly error?: Record<string, unknown>;
  readonly events?: (events: readonly ChatEvent[]) => void;
}

const MODELS = { glm: 'glm-4.6', kimi: 'kimi-k2.6' } as const;

export const HI: ChatRequest['messages'] = [{ role: 'user', content: 'hi' }];

/** Runs fixtures as tests, each for both providers unless it says otherwise. */
export function runFixtures(fixtures: readonly Fixture[]): void {
  for (const fixture of fixtures) {
    for (const provider of fixture.only === undefined ? (['glm', 'kimi'] as const) : [fixture.only]) {
      it(`${provider}: ${fixture.name}`, () => run(provider, fixture));
    }
  }
}

async function run(provider: 'glm' | 'kimi', fixture: Fixture): Promise<void> {
  const server = await wireServer(...fixture.replies);
  const events: ChatEvent[] = [];
  let result: ChatResult | undefined;
  let error: ProviderError | undefined;
  try {
    const options = {
      apiKey: 'sk-secret-0123456789',
      baseURL: server.url,
      retry: { baseMs: 1 },
      breaker: false,
      ...fixture.options,
    } as const;
    const made = provider === 'glm' ? createGLM(options) : createKimi(options);
    const model = made.chat(fixture.model ?? MODELS[provider]);
    const request = { messages: HI, ...fixture.request };
    if (fixture.generate === true) {
      result = await model.generate(request, { ...fixture.call, onEvent: (event) => events.push(event) });
    } else {
      const stream = model.stream(request, fixture.call);
      for await (const event of stream) events.push(event);
      result = await stream.final();
    }
  } catch (caught) {
    error = caught as ProviderError;
  } finally {
    await server.close();
  }
  if (fixture.error === undefined && error !== undefined) throw error;
  if (fixture.error !== undefined) {
    expect(error, 'must fail').toBeDefined();
    expect(error).toMatchObject(fixture.error);
  }
  if (fixture.result !== undefined) expect(result).toMatchObject(fixture.result);
  if (fixture.requests !== undefined) expect(server.seen).toHaveLength(fixture.requests);
  fixture.sent?.(server.seen[0]?.body, server.seen);
  fixture.events?.(events);
}

export function textsOf(events: readonly ChatEvent[], type: 'text' | 'reasoning'): string {
  return events.map((event) => (event.type === type ? event.delta : '')).join('');
}

export function warningsOf(events: readonly ChatEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));
}
