import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { createParser } from 'eventsource-parser';
import OpenAI from 'openai';

import { createGLM } from '@exai/providers';

import { type Corpus, serving } from './wire-corpus.ts';

/** Reads a whole answer and returns the length of its text, so that nothing can be skipped unseen. */
export interface Decoder {
  readonly name: string;
  readonly run: (corpus: Corpus) => Promise<number>;
}

const PROMPT = 'hi';

/** Our models, end to end: watchdog, events, assembler, everything a call has. */
export const ours: Decoder = {
  name: '@exai/providers',
  run: async (corpus) => {
    const model = createGLM({ apiKey: 'k', baseURL: 'http://bench', fetch: serving(corpus) }).chat('glm-4.6');
    let length = 0;
    for await (const event of model.stream({ messages: [{ role: 'user', content: PROMPT }] })) {
      if (event.type === 'text') length += event.delta.length;
    }
    return length;
  },
};

const openai: Decoder = {
  name: 'openai 6',
  run: async (corpus) => {
    const client = new OpenAI({ apiKey: 'k', baseURL: 'http://bench', fetch: serving(corpus) });
    const stream = await client.chat.completions.create({
      model: 'm',
      stream: true,
      messages: [{ role: 'user', content: PROMPT }],
    });
    let length = 0;
    for await (const chunk of stream) length += chunk.choices[0]?.delta.content?.length ?? 0;
    return length;
  },
};

const compatible: Decoder = {
  name: '@ai-sdk/openai-compatible 2',
  run: async (corpus) => {
    const provider = createOpenAICompatible({ name: 'bench', baseURL: 'http://bench', fetch: serving(corpus) });
    const { stream } = await provider.chatModel('m').doStream({
      prompt: [{ role: 'user', content: [{ type: 'text', text: PROMPT }] }],
    });
    let length = 0;
    for await (const part of stream) if (part.type === 'text-delta') length += part.delta.length;
    return length;
  },
};

/** The least that can be done: split the events and parse their JSON. */
const floor: Decoder = {
  name: 'bare floor (parser + JSON.parse)',
  run: async (corpus) => {
    const response = await serving(corpus)('http://bench');
    const text = new TextDecoder();
    let length = 0;
    const parser = createParser({
      onEvent: ({ data }) => {
        if (data === '[DONE]') return;
        length += JSON.parse(data).choices[0]?.delta.content?.length ?? 0;
      },
    });
    const reader = response.body!.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      parser.feed(text.decode(read.value, { stream: true }));
    }
    return length;
  },
};

export const peers: readonly Decoder[] = [openai, compatible];
export const all: readonly Decoder[] = [ours, ...peers, floor];
