import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3GenerateResult,
  LanguageModelV3StreamPart,
  LanguageModelV3StreamResult,
  ProviderV3,
  SharedV3Warning,
} from '@ai-sdk/provider';

import type { ChatEvent, ChatModel } from '../chat/chat-model.ts';
import { PartWriter, toContent, toFinish, toUsage, toWarnings } from './to-parts.ts';
import { toRequest } from './to-request.ts';

/**
 * A model for the AI SDK (`ai` 6 and newer). Failures are `ProviderError`s, which the SDK does not repeat: this package
 * has already done so where it helps.
 */
export function asLanguageModel(model: ChatModel): LanguageModelV3 {
  return {
    specificationVersion: 'v3',
    provider: model.provider,
    modelId: model.modelId,
    supportedUrls: urlsOf(model.provider),
    doGenerate: (options) => generate(model, options),
    doStream: (options) => stream(model, options),
  };
}

/** A provider for the AI SDK's registries: `asProvider(createGLM()).languageModel('glm-4.6')`. */
export function asProvider(provider: { readonly chat: (modelId: string) => ChatModel }): ProviderV3 {
  const missing = (what: string) => (): never => {
    throw new RangeError(`this provider has no ${what} models`);
  };
  return {
    specificationVersion: 'v3',
    languageModel: (modelId) => asLanguageModel(provider.chat(modelId)),
    embeddingModel: missing('embedding'),
    imageModel: missing('image'),
  };
}

/** Addresses the provider fetches itself; others are downloaded by the SDK. Kimi reads only its own files by address. */
function urlsOf(provider: string): Record<string, RegExp[]> {
  if (provider === 'kimi') return { 'image/*': [/^ms:\/\//], 'video/*': [/^ms:\/\//] };
  return { 'image/*': [/^https?:\/\//], 'video/*': [/^https?:\/\//] };
}

async function generate(
  model: ChatModel,
  sdkOptions: LanguageModelV3CallOptions,
): Promise<LanguageModelV3GenerateResult> {
  const { request, options, warnings } = toRequest(model.provider, sdkOptions);
  const result = await model.generate(request, options);
  const { cost, requestId } = result;
  return {
    content: toContent(result),
    finishReason: toFinish(result.finishReason, undefined),
    usage: toUsage(result.usage),
    warnings: [...warnings, ...toWarnings(result)],
    response: { id: requestId, modelId: result.servedModel ?? result.model, timestamp: new Date() },
    ...(cost !== undefined && { providerMetadata: { [model.provider]: { costUsd: cost } } }),
  };
}

/** Resolves with the first event of the answer, so that a refusal rejects instead of becoming part of the stream. */
async function stream(model: ChatModel, sdkOptions: LanguageModelV3CallOptions): Promise<LanguageModelV3StreamResult> {
  const { request, options, warnings } = toRequest(model.provider, sdkOptions);
  const events = model.stream(request, options)[Symbol.asyncIterator]();
  const writer = new PartWriter(model.provider);
  const noticed: SharedV3Warning[] = [...warnings];
  let first = await events.next();
  while (first.done !== true && isBeforeAnswer(first.value)) {
    if (first.value.type === 'warning') noticed.push(...toWarnings({ warnings: [first.value] }));
    first = await events.next();
  }
  const begin: LanguageModelV3StreamPart[] = [{ type: 'stream-start', warnings: noticed }];
  if (first.done !== true) begin.push(...writer.write(first.value));
  return { stream: toReadable(begin, events, writer) };
}

function isBeforeAnswer(event: ChatEvent): boolean {
  return !['start', 'reasoning', 'text', 'tool-start', 'source', 'usage', 'finish'].includes(event.type);
}

function toReadable(
  begin: readonly LanguageModelV3StreamPart[],
  events: AsyncIterator<ChatEvent>,
  writer: PartWriter,
): ReadableStream<LanguageModelV3StreamPart> {
  return new ReadableStream<LanguageModelV3StreamPart>({
    start: (controller) => {
      for (const part of begin) controller.enqueue(part);
    },
    pull: async (controller) => {
      try {
        for (;;) {
          const next = await events.next();
          if (next.done === true) {
            controller.close();
            return;
          }
          const parts = writer.write(next.value);
          for (const part of parts) controller.enqueue(part);
          if (parts.length > 0) return;
        }
      } catch (error) {
        controller.enqueue({ type: 'error', error });
        controller.close();
      }
    },
    cancel: async () => {
      await events.return?.();
    },
  });
}
