import type { ChatModel, ChatRequest, Source, WebSearchOptions } from '../chat/chat-model.ts';
import { findModel, type ModelInfo } from '../chat/model-catalog.ts';
import { createChatModel } from '../pipeline/create-chat-model.ts';
import { createFiles, type Files } from '../pipeline/files.ts';
import { joinUrl } from '../pipeline/join-url.ts';
import type { ProviderEventName, ProviderEvents } from '../pipeline/provider-events.ts';
import { checkChoice, checkOptions, type CommonOptions } from '../pipeline/provider-options.ts';
import { ProviderRuntime } from '../pipeline/provider-runtime.ts';
import { RestClient } from '../pipeline/rest-client.ts';
import { signRequests } from '../pipeline/sign-requests.ts';
import { countGlmTokens, type QuotaWindow, readQuota, searchWeb } from './glm-account.ts';
import { classifyGLMError } from './glm-errors.ts';
import { glmDialect } from './glm-dialect.ts';
import { glmFamily, GLM_MODELS } from './glm-models.ts';
import { glmToken } from './glm-token.ts';

/** Options of {@link createGLM}. */
export interface GLMOptions extends CommonOptions {
  /** `intl`: api.z.ai · `cn`: open.bigmodel.cn; their accounts are separate. @defaultValue 'intl' */
  readonly region?: 'intl' | 'cn' | undefined;
  /** `coding`: the endpoint of a Coding Plan key. @defaultValue 'general' */
  readonly plan?: 'general' | 'coding' | undefined;
  /** `jwt`: signs short-lived tokens from an `id.secret` key. @defaultValue 'bearer' */
  readonly auth?: 'bearer' | 'jwt' | undefined;
  /** Have tool arguments streamed instead of sent at once after a silence. @defaultValue true */
  readonly toolStream?: boolean | undefined;
  /** Let the model read its earlier reasoning; give it back unchanged. @defaultValue false */
  readonly preserveThinking?: boolean | undefined;
  /** Hold back up to 2 KB of an answer's head to find reasoning whose opening tag was lost (`…</think>answer`). @defaultValue false */
  readonly leakGuard?: boolean | undefined;
}

/** GLM of Zhipu / Z.ai. */
export interface GLMProvider {
  readonly id: 'glm';
  /** A model by its id; ids that are not in the catalogue work too. */
  chat(modelId: string): ChatModel;
  /** Listens to an event of all calls; the function returned stops it. */
  on<Name extends ProviderEventName>(name: Name, listener: (event: ProviderEvents[Name]) => void): () => void;
  /** Searches the web without a model. @throws ProviderError */
  search(search: WebSearchOptions & { readonly query: string; readonly signal?: AbortSignal }): Promise<Source[]>;
  /** Tokens of a request's messages, as the provider counts them. @throws ProviderError */
  countTokens(modelId: string, request: ChatRequest): Promise<number>;
  /** The windows of a Coding Plan and what is used of them. @throws ProviderError */
  quota(): Promise<QuotaWindow[]>;
  readonly files: Files;
  /** Closes idle connections. Running calls end as they would. */
  close(): Promise<void>;
}

const HOSTS = { intl: 'https://api.z.ai', cn: 'https://open.bigmodel.cn' } as const;
const PATHS = { general: '/api/paas/v4', coding: '/api/coding/paas/v4' } as const;
const OWN = [
  'region',
  'plan',
  'auth',
  'toolStream',
  'preserveThinking',
  'leakGuard',
] as const satisfies (keyof GLMOptions)[];

/**
 * Connects to GLM. The key is `apiKey`, else `ZAI_API_KEY`, else `ZHIPUAI_API_KEY`.
 *
 * @throws RangeError for a bad or unknown option.
 */
export function createGLM(options: GLMOptions = {}): GLMProvider {
  checkOptions('createGLM', options, OWN);
  const region = checkChoice('region', options.region ?? 'intl', ['intl', 'cn']);
  const plan = checkChoice('plan', options.plan ?? 'general', ['general', 'coding']);
  const auth = checkChoice('auth', options.auth ?? 'bearer', ['bearer', 'jwt']);
  const badLines = checkChoice('badLines', options.badLines ?? 'fail', ['fail', 'skip']);
  const baseURL = options.baseURL ?? `${HOSTS[region]}${PATHS[plan]}`;
  const runtime = new ProviderRuntime('glm', options);
  const sign = signRequests(options, {
    provider: 'GLM',
    environment: ['ZAI_API_KEY', 'ZHIPUAI_API_KEY'],
    // Error messages in English.
    headers: { 'accept-language': 'en-US,en' },
    toToken: auth === 'jwt' ? (key) => glmToken(key, runtime.clock.epoch()) : undefined,
  });
  const dialect = glmDialect({
    region,
    toolStream: options.toolStream ?? true,
    preserveThinking: options.preserveThinking ?? false,
    leakGuard: options.leakGuard ?? false,
  });
  const target = {
    provider: 'glm',
    transport: runtime.transport,
    clock: runtime.clock,
    sign,
    toError: classifyGLMError,
  };
  const rest = new RestClient({ ...target, baseURL });
  const info = (modelId: string): ModelInfo => findModel(modelId, GLM_MODELS, options.catalog ?? {}, glmFamily);
  return {
    id: 'glm',
    chat: (modelId) =>
      createChatModel(runtime, {
        dialect,
        info: info(modelId),
        baseURL,
        url: joinUrl(baseURL, '/chat/completions'),
        sign,
        strict: options.strict ?? false,
        badLines,
      }),
    search: (search) => searchWeb(rest, region, search),
    countTokens: (modelId, request) => countGlmTokens(rest, { request, model: info(modelId), dialect }),
    quota: () => readQuota(new RestClient({ ...target, baseURL: new URL(baseURL).origin })),
    files: createFiles(rest, 'agent'),
    on: (name, listener) => runtime.events.on(name, listener),
    close: () => runtime.transport.close(),
  };
}
