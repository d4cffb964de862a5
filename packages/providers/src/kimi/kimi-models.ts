import type { ModelInfo } from '../chat/model-catalog.ts';

type Entry = Omit<ModelInfo, 'id'>;

const KIMI = { vision: true, pinnedSampling: true, streamsToolArgs: true } as const;
const K3 = {
  ...KIMI,
  contextTokens: 1_048_576,
  maxOutputTokens: 1_048_576,
  thinking: 'always',
  efforts: ['low', 'high', 'max'],
  keepsThinking: true,
  toolChoices: ['none', 'required'],
} as const;
const K2 = { ...KIMI, contextTokens: 262_144, maxOutputTokens: 262_144 } as const;
const CODE = { ...K3, maxOutputTokens: 131_072, codingOnly: true } as const;

function moonshot(contextTokens: number, vision: boolean): Entry {
  return { contextTokens, maxOutputTokens: contextTokens, thinking: 'none', vision, streamsToolArgs: true };
}

/** Kimi's models, newest first. Sources: platform.kimi.ai and public model catalogues, November 2026. */
export const KIMI_MODELS: Readonly<Record<string, Entry>> = {
  'kimi-k3.1-pro': { ...K3, price: { input: 2, output: 10, cached: 0.2 } },
  'kimi-k3.1-pro-highspeed': { ...K3, price: { input: 4, output: 20, cached: 0.2 } },
  'kimi-k3': { ...K3, price: { input: 3, output: 15, cached: 0.3 } },
  'kimi-k2.7-code': {
    ...K2,
    thinking: 'always',
    keepsThinking: true,
    price: { input: 0.95, output: 4, cached: 0.19 },
  },
  'kimi-k2.7-code-highspeed': {
    ...K2,
    thinking: 'always',
    keepsThinking: true,
    price: { input: 1.9, output: 8, cached: 0.38 },
  },
  'kimi-k2.6': { ...K2, thinking: 'toggle', keepsThinking: true, price: { input: 0.95, output: 4, cached: 0.16 } },
  'kimi-k2.5': { ...K2, thinking: 'toggle', price: { input: 0.6, output: 3, cached: 0.1 } },
  'moonshot-v1-8k': moonshot(8192, false),
  'moonshot-v1-32k': moonshot(32_768, false),
  'moonshot-v1-128k': moonshot(131_072, false),
  'moonshot-v1-auto': moonshot(131_072, false),
  'moonshot-v1-8k-vision-preview': moonshot(8192, true),
  'moonshot-v1-32k-vision-preview': moonshot(32_768, true),
  'moonshot-v1-128k-vision-preview': moonshot(131_072, true),
  k3: CODE,
  'k3-256k': { ...CODE, contextTokens: 262_144 },
  'k3.1-pro': CODE,
  'k3.1-pro-highspeed': CODE,
  'kimi-for-coding': { ...CODE, maxOutputTokens: 32_768 },
  'kimi-for-coding-highspeed': { ...CODE, maxOutputTokens: 32_768 },
};

/** What an id that is not listed is taken for. Anything but `moonshot-v1` reasons and wants its reasoning back. */
export function kimiFamily(id: string): Entry {
  if (id.startsWith('moonshot-v1')) return moonshot(131_072, id.includes('vision'));
  return { ...K2, thinking: 'always' };
}
