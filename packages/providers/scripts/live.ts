import { type ChatEvent, type ChatModel, createGLM, createKimi, ProviderError } from '../src/index.ts';

const KEYS = {
  glm: ['ZAI_API_KEY', 'ZHIPUAI_API_KEY'],
  kimi: ['MOONSHOT_API_KEY', 'KIMI_API_KEY'],
} as const;
const HI = [{ role: 'user', content: 'Answer with the single word: yes' }] as const;
const TOOLS = [
  {
    name: 'weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
];
const ASK_WEATHER = [{ role: 'user', content: 'Use the tool to get the weather in Rome.' }] as const;

/** One question that only a live account can answer, and how to see the answer. */
interface Check {
  readonly question: string;
  readonly run: () => Promise<string>;
}

/** Passes every byte of the answer to `onBytes` on the way. */
function listening(onBytes: (text: string, atMs: number) => void): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const startedAt = performance.now();
    const text = new TextDecoder();
    const body = response.body?.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (bytes, controller) => {
          onBytes(text.decode(bytes, { stream: true }), performance.now() - startedAt);
          controller.enqueue(bytes);
        },
      }),
    );
    return new Response(body, { status: response.status, headers: response.headers });
  };
}

/** Comments on the stream, with the milliseconds between them. */
function commentWatch(): { fetch: typeof fetch; report: () => string } {
  const times: number[] = [];
  return {
    fetch: listening((text, atMs) => {
      if (/^:/m.test(text)) times.push(Math.round(atMs));
    }),
    report: () => (times.length === 0 ? 'no comments' : `comments at ${times.join(', ')} ms`),
  };
}

async function outcome(model: ChatModel, request: Parameters<ChatModel['generate']>[0]): Promise<string> {
  try {
    const { text, toolCalls, finishReason, warnings, usage } = await model.generate(request, { retries: 0 });
    const called = toolCalls.map(({ name }) => name).join(', ');
    const warned = warnings.map(({ code }) => code).join(', ');
    return `${finishReason}, ${text.length} characters, calls [${called}], warnings [${warned}], ${usage.totalTokens} tokens`;
  } catch (error) {
    return ProviderError.is(error)
      ? `${error.code} ${error.status ?? ''} ${error.upstreamCode ?? ''}: ${error.message}`
      : String(error);
  }
}

/** The longest silence of each phase, for tuning the time-outs. */
async function silences(model: ChatModel): Promise<string> {
  const longest = new Map<string, number>();
  let last = performance.now();
  let phase = 'first';
  await model.generate(
    { messages: [{ role: 'user', content: 'Explain in 300 words why the sky is blue.' }] },
    {
      onEvent: (event: ChatEvent) => {
        if (event.type !== 'text' && event.type !== 'reasoning') return;
        longest.set(phase, Math.max(longest.get(phase) ?? 0, performance.now() - last));
        last = performance.now();
        phase = event.type;
      },
    },
  );
  return [...longest].map(([name, ms]) => `${name} ${Math.round(ms)} ms`).join(', ');
}

function glmChecks(): Check[] {
  const glm = createGLM();
  const model = glm.chat('glm-4.5-flash');
  const comments = commentWatch();
  return [
    { question: 'plain chat', run: () => outcome(model, { messages: HI }) },
    {
      question: 'unknown fields and stream_options',
      run: () => outcome(model, { messages: HI, extra: { stream_options: { include_usage: true }, no_such_field: 1 } }),
    },
    {
      question: 'web_search chunk with result_sequence after: when sources come',
      run: async () => {
        const order: string[] = [];
        const watched = createGLM({
          fetch: listening((text) => void (text.includes('"web_search"') && order.push('web_search'))),
        });
        await watched.chat('glm-4.6').generate(
          {
            messages: [{ role: 'user', content: 'What is in the news today?' }],
            webSearch: true,
          },
          { onEvent: ({ type }) => void (type === 'text' && order.at(-1) !== 'text' && order.push('text')) },
        );
        return order.join(' → ');
      },
    },
    {
      question: 'an error for a bad request: shape',
      run: () => outcome(model, { messages: HI, extra: { temperature: 99 } }),
    },
    {
      question: 'tool call with tool_stream',
      run: () => outcome(glm.chat('glm-4.6'), { messages: ASK_WEATHER, tools: TOOLS }),
    },
    { question: 'token count', run: async () => String(await glm.countTokens('glm-4.6', { messages: HI })) },
    { question: 'quota windows', run: async () => JSON.stringify(await glm.quota()) },
    { question: 'silences per phase', run: () => silences(glm.chat('glm-4.6')) },
    {
      question: 'keep-alive comments',
      run: async () => {
        await createGLM({ fetch: comments.fetch }).chat('glm-4.6').generate({ messages: HI });
        return comments.report();
      },
    },
  ];
}

function kimiChecks(): Check[] {
  const kimi = createKimi();
  const comments = commentWatch();
  const choices = ['auto', 'none', 'required', { name: 'weather' }] as const;
  return [
    { question: 'plain chat', run: () => outcome(kimi.chat('kimi-k2.6'), { messages: HI }) },
    {
      question: 'Formula search: result and whether it is encrypted',
      run: () =>
        outcome(kimi.chat('kimi-k2.6'), { messages: [{ role: 'user', content: 'News of today?' }], webSearch: true }),
    },
    {
      question: '$web_search',
      run: () =>
        outcome(kimi.chat('kimi-k2.6'), {
          messages: [{ role: 'user', content: 'News of today?' }],
          webSearch: true,
          thinking: false,
        }),
    },
    ...(['low', 'medium', 'high', 'max'] as const).map((effort) => ({
      question: `kimi-k3.1-pro reasoning_effort ${effort}`,
      run: () => outcome(kimi.chat('kimi-k3.1-pro'), { messages: HI, extra: { reasoning_effort: effort } }),
    })),
    ...choices.map((choice) => ({
      question: `kimi-k3.1-pro tool_choice ${JSON.stringify(choice)}`,
      run: () =>
        outcome(kimi.chat('kimi-k3.1-pro'), {
          messages: ASK_WEATHER,
          tools: TOOLS,
          extra: {
            tool_choice: typeof choice === 'string' ? choice : { type: 'function', function: { name: choice.name } },
          },
        }),
    })),
    { question: 'balance', run: async () => JSON.stringify(await kimi.balance()) },
    { question: 'token count', run: async () => String(await kimi.countTokens('kimi-k2.6', { messages: HI })) },
    {
      question: 'models that the catalogue lacks',
      run: async () => {
        const listed = (await kimi.models()).map(({ id }) => id);
        return listed.filter((id) => kimi.chat(id).info.known === false).join(', ') || 'none';
      },
    },
    { question: 'silences per phase', run: () => silences(kimi.chat('kimi-k2.6')) },
    {
      question: 'keep-alive comments and their period',
      run: async () => {
        await createKimi({ fetch: comments.fetch }).chat('kimi-k2.6').generate({ messages: ASK_WEATHER });
        return comments.report();
      },
    },
  ];
}

/** Runs every check and prints what the live service did; a check that throws is shown and does not stop the others. */
async function main(provider: string | undefined): Promise<number> {
  if (provider !== 'glm' && provider !== 'kimi') {
    console.error('usage: npm run live -- glm|kimi');
    return 2;
  }
  const names = KEYS[provider];
  if (names.every((name) => (process.env[name] ?? '').trim() === '')) {
    console.error(`live checks ask the real ${provider} and cost a few cents: set ${names.join(' or ')} first`);
    return 2;
  }
  let failed = 0;
  for (const { question, run } of provider === 'glm' ? glmChecks() : kimiChecks()) {
    const answer = await run().catch((error: unknown) => {
      failed += 1;
      return ProviderError.is(error) ? `failed with ${error.code}: ${error.message}` : `failed: ${String(error)}`;
    });
    console.log(`${question}\n    ${answer}`);
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv[2]);
