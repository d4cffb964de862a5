import type { ChatModel, ChatRequest } from '../chat/chat-model.ts';
import { findModel, type ModelInfo } from '../chat/model-catalog.ts';
import { createChatModel } from '../pipeline/create-chat-model.ts';
import { createFiles, type Files } from '../pipeline/files.ts';
import { joinUrl } from '../pipeline/join-url.ts';
import type { ProviderEventName, ProviderEvents } from '../pipeline/provider-events.ts';
import { checkChoice, checkOptions, type CommonOptions } from '../pipeline/provider-options.ts';
import { ProviderRuntime } from '../pipeline/provider-runtime.ts';
import { RestClient } from '../pipeline/rest-client.ts';
import { signRequests } from '../pipeline/sign-requests.ts';
import {
  type Balance,
  countKimiTokens,
  extractedText,
  listKimiModels,
  type ListedModel,
  readBalance,
} from './kimi-account.ts';
import { classifyKimiError } from './kimi-errors.ts';
import { KimiSearch } from './kimi-search.ts';
import { kimiDialect } from './kimi-dialect.ts';
import { kimiFamily, KIMI_MODELS } from './kimi-models.ts';

/** Options of {@link createKimi}. */
export interface KimiOptions extends CommonOptions {
  /** `intl`: api.moonshot.ai · `cn`: api.moonshot.cn; their keys are not interchangeable. @defaultValue 'intl' */
  readonly region?: 'intl' | 'cn' | undefined;
  /** `coding`: the endpoint of a Kimi Code subscription, which serves known agents only. @defaultValue 'platform' */
  readonly plan?: 'platform' | 'coding' | undefined;
  /** Let models that can read their earlier reasoning do so. @defaultValue true */
  readonly keepThinking?: boolean | undefined;
  /** `builtin`: `$web_search`, reasoning off · `formula`: search functions, with reasoning · `auto`: by the call's mode. @defaultValue 'auto' */
  readonly webSearch?: 'auto' | 'builtin' | 'formula' | undefined;
}

/** The files of a Kimi account. */
export interface KimiFiles extends Files {
  /** The text found in a file uploaded with purpose `file-extract`, to be put into a system message. */
  extract(id: string): Promise<string>;
}

/** Kimi of Moonshot. */
export interface KimiProvider {
  readonly id: 'kimi';
  /** A model by its id; ids that are not in the catalogue work too. */
  chat(modelId: string): ChatModel;
  /** Listens to an event of all calls; the function returned stops it. */
  on<Name extends ProviderEventName>(name: Name, listener: (event: ProviderEvents[Name]) => void): () => void;
  /** The models the account may use. @throws ProviderError */
  models(): Promise<ListedModel[]>;
  /** @throws ProviderError */
  balance(): Promise<Balance>;
  /** Tokens of a request's messages, as the provider counts them. @throws ProviderError */
  countTokens(modelId: string, request: ChatRequest): Promise<number>;
  readonly files: KimiFiles;
  /** Closes idle connections. Running calls end as they would. */
  close(): Promise<void>;
}

const BASES = {
  platform: { intl: 'https://api.moonshot.ai/v1', cn: 'https://api.moonshot.cn/v1' },
  coding: { intl: 'https://api.kimi.com/coding/v1', cn: 'https://api.kimi.com/coding/v1' },
} as const;
const OWN = ['region', 'plan', 'keepThinking', 'webSearch'] as const satisfies (keyof KimiOptions)[];

/**
 * Connects to Kimi. The key is `apiKey`, else `MOONSHOT_API_KEY`, else `KIMI_API_KEY`.
 *
 * @throws RangeError for a bad or unknown option.
 */
export function createKimi(options: KimiOptions = {}): KimiProvider {
  checkOptions('createKimi', options, OWN);
  const region = checkChoice('region', options.region ?? 'intl', ['intl', 'cn']);
  const plan = checkChoice('plan', options.plan ?? 'platform', ['platform', 'coding']);
  const webSearch = checkChoice('webSearch', options.webSearch ?? 'auto', ['auto', 'builtin', 'formula']);
  const badLines = checkChoice('badLines', options.badLines ?? 'fail', ['fail', 'skip']);
  const baseURL = options.baseURL ?? BASES[plan][region];
  const runtime = new ProviderRuntime('kimi', options);
  const sign = signRequests(options, { provider: 'Kimi', environment: ['MOONSHOT_API_KEY', 'KIMI_API_KEY'] });
  const dialect = kimiDialect({ keepThinking: options.keepThinking ?? true, webSearch });
  const { transport, clock } = runtime;
  const rest = new RestClient({ provider: 'kimi', transport, clock, sign, toError: classifyKimiError, baseURL });
  const search = new KimiSearch(rest, { webSearch });
  const files = createFiles(rest, 'file-extract');
  const infoOf = (modelId: string): ModelInfo => findModel(modelId, KIMI_MODELS, options.catalog ?? {}, kimiFamily);
  return {
    id: 'kimi',
    chat: (modelId) => {
      const info = infoOf(modelId);
      return createChatModel(runtime, {
        dialect,
        info,
        baseURL,
        url: joinUrl(baseURL, '/chat/completions'),
        sign,
        strict: options.strict ?? false,
        badLines,
        serverTools: (request) => search.toolsFor(request, info),
      });
    },
    models: () => listKimiModels(rest),
    balance: () => readBalance(rest),
    countTokens: (modelId, request) => countKimiTokens(rest, { request, model: infoOf(modelId), dialect }),
    files: { ...files, extract: async (id) => extractedText(await files.content(id)) },
    on: (name, listener) => runtime.events.on(name, listener),
    close: () => runtime.transport.close(),
  };
}
