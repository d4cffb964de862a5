import { createGLM, createKimi, type GLMProvider, type KimiProvider } from '@exai/providers';
import { createPersona, createSimulator, type Simulator } from '@exai/providers/simulator';
import type { TieredSemaphore } from '@exai/semaphore';
import type { Model, ModelAsk } from '@exai/workflow';

import { CallError } from '../calls/call-error.ts';
import type { ServerConfig } from '../config/server-config.ts';

/** A provider this server knows. */
export type ProviderId = 'glm' | 'kimi';

/** The providers of a server, real where there is a key and simulated where there is none. */
export interface ModelSource {
  readonly providers: Readonly<Record<ProviderId, GLMProvider | KimiProvider>>;
  /** Runs in this process; absent when both providers are real. */
  readonly simulator: Simulator | undefined;
  readonly simulated: readonly ProviderId[];
  isSimulated(provider: string): boolean;
  /** The provider that answers: the one asked for, else the one the model belongs to, else GLM. */
  providerOf(ask: { readonly provider?: string | undefined; readonly model?: string | undefined }): ProviderId;
  model(ask: ModelAsk): Model;
  close(): Promise<void>;
}

/** Models used when a call names a provider and no model. */
const DEFAULT_MODEL: Readonly<Record<ProviderId, string>> = { glm: 'glm-4.6', kimi: 'kimi-k2.6' };
const QUICK_MODEL: Readonly<Record<ProviderId, string>> = { glm: 'glm-4.5-flash', kimi: 'kimi-k2.6' };
const KIMI_MODEL = /^(kimi|moonshot|k\d)/i;
/** A simulated provider takes any key. */
const SIMULATED_KEY = 'simulated.key';

/** Connects the providers, every one behind the semaphore. */
export async function createModelSource(config: ServerConfig, gate: TieredSemaphore): Promise<ModelSource> {
  const keys = { glm: config.glmApiKey, kimi: config.kimiApiKey };
  const simulated = (['glm', 'kimi'] as const).filter((id) => keys[id] === undefined);
  const simulator =
    simulated.length === 0
      ? undefined
      : await createSimulator({
          timeScale: config.simTimeScale,
          seed: config.simSeed,
          persona: createPersona({ seed: config.simSeed }),
        });
  const options = (id: ProviderId, table: ServerConfig['glmTimeouts'], baseURL: string | undefined) => ({
    gate,
    apiKey: keys[id] ?? SIMULATED_KEY,
    baseURL: keys[id] === undefined ? simulator?.[id].baseURL : baseURL,
    timeouts: { table, timeScale: keys[id] === undefined ? config.simTimeScale : 1 },
  });
  const providers = {
    glm: createGLM(options('glm', config.glmTimeouts, config.glmBaseURL)),
    kimi: createKimi(options('kimi', config.kimiTimeouts, config.kimiBaseURL)),
  };
  const providerOf: ModelSource['providerOf'] = ({ provider, model }) => {
    if (provider === 'glm' || provider === 'kimi') return provider;
    return model !== undefined && KIMI_MODEL.test(model) ? 'kimi' : 'glm';
  };
  return {
    providers,
    simulator,
    simulated,
    isSimulated: (provider) => simulated.some((id) => id === provider),
    providerOf,
    model: (ask) => {
      const id = providerOf(ask);
      if (ask.provider !== undefined && ask.provider !== id) {
        throw new CallError('INVALID_ARGUMENTS', `provider must be glm or kimi, got ${JSON.stringify(ask.provider)}`);
      }
      return providers[id].chat(ask.model ?? (ask.tool === 'chat' ? QUICK_MODEL : DEFAULT_MODEL)[id]);
    },
    close: async () => {
      await Promise.all([providers.glm.close(), providers.kimi.close(), simulator?.close()]);
    },
  };
}
