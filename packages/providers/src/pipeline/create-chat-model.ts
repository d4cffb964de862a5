import type { CallOptions, ChatModel, ChatRequest, ChatResult, ChatStream } from '../chat/chat-model.ts';
import { CallStream } from './call-stream.ts';
import { type CallSink, ChatCall } from './chat-call.ts';
import type { Endpoint } from './endpoint.ts';
import type { ProviderRuntime } from './provider-runtime.ts';

/** A chat model on top of one endpoint. */
export function createChatModel(runtime: ProviderRuntime, endpoint: Endpoint): ChatModel {
  const session = runtime.newId(`${endpoint.dialect.provider}-`);
  const call = (request: ChatRequest, options: CallOptions, sink: CallSink): ChatCall =>
    new ChatCall(runtime, endpoint, { request, options, session, sink });
  return {
    provider: endpoint.dialect.provider,
    modelId: endpoint.info.id,
    info: endpoint.info,
    stream: (request: ChatRequest, options: CallOptions = {}): ChatStream =>
      new CallStream(runtime, (sink) => call(request, options, sink)),
    generate: (request: ChatRequest, options: CallOptions = {}): Promise<ChatResult> =>
      call(request, options, {
        emit: () => undefined,
        room: () => undefined,
        isBlind: options.onEvent === undefined,
      }).run(),
  };
}
