import { afterEach } from 'vitest';

import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/index.ts';

export type Provider = 'glm' | 'kimi';
export const PROVIDERS: readonly Provider[] = ['glm', 'kimi'];
export const MODELS: Readonly<Record<Provider, string>> = { glm: 'glm-4.5-flash', kimi: 'kimi-k2.6' };

const open: Simulator[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((simulator) => simulator.close()));
});

/** A simulator that takes no time and ends with the test. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await createSimulator({ latency: 'instant', ...options });
  open.push(simulator);
  return simulator;
}

export interface ChatCall {
  readonly body?: object;
  readonly key?: string | undefined;
  readonly signal?: AbortSignal;
}

/** One chat call, as bare HTTP. */
export function chat(simulator: Simulator, provider: Provider, call: ChatCall = {}): Promise<Response> {
  const { body = {}, key = 'Bearer test-key', signal } = call;
  return fetch(`${simulator[provider].baseURL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === '' ? {} : { authorization: key }) },
    body: JSON.stringify({
      model: MODELS[provider],
      messages: [{ role: 'user', content: 'Why is the sky blue?' }],
      ...body,
    }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The JSON events of a stream. */
export async function events(response: Response): Promise<any[]> {
  const text = await response.text();
  return text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice('data: '.length)));
}

/** One member of all deltas, joined. */
export const joined = (chunks: any[], member: string): string =>
  chunks.map((chunk) => chunk.choices[0]?.delta?.[member] ?? '').join('');

/** The code or type and the message of an error response. */
export async function errorOf(response: Response): Promise<{ status: number; name: string; message: string }> {
  const { error }: any = await response.json();
  return { status: response.status, name: error.code ?? error.type, message: error.message };
}
