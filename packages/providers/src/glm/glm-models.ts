import type { ModelInfo } from '../chat/model-catalog.ts';

type Entry = Omit<ModelInfo, 'id'>;

const PRICE_52 = { input: 1.4, output: 4.4, cached: 0.26 };
const PRICE_4 = { input: 0.6, output: 2.2, cached: 0.11 };
const FREE = { input: 0, output: 0, cached: 0 };
const LARGE = { contextTokens: 1_000_000, maxOutputTokens: 131_072, vision: false, streamsToolArgs: true } as const;
const MIDDLE = { contextTokens: 204_800, maxOutputTokens: 131_072, vision: false, streamsToolArgs: true } as const;
const SMALL = { contextTokens: 131_072, maxOutputTokens: 98_304, vision: false, streamsToolArgs: false } as const;
const EFFORTS_53 = ['low', 'high', 'max'];
const EFFORTS_52 = ['none', 'high', 'max'];

/** GLM's models, newest first. Sources: docs.z.ai and public model catalogues, November 2026. */
export const GLM_MODELS: Readonly<Record<string, Entry>> = {
  'glm-5.3': { ...LARGE, thinking: 'always', efforts: EFFORTS_53, price: PRICE_52 },
  'glm-5.3-highspeed': { ...LARGE, thinking: 'always', efforts: EFFORTS_53, codingOnly: true },
  'glm-5.3-flash': { ...LARGE, thinking: 'always', vision: true, price: { input: 0.15, output: 0.5, cached: 0.03 } },
  'glm-5.2': { ...LARGE, thinking: 'toggle', efforts: EFFORTS_52, price: PRICE_52 },
  'glm-5.2-highspeed': { ...LARGE, thinking: 'toggle', efforts: EFFORTS_52 },
  'glm-5.1': { ...MIDDLE, thinking: 'toggle', price: PRICE_52 },
  'glm-5-turbo': { ...MIDDLE, thinking: 'toggle', price: { input: 1.2, output: 4, cached: 0.24 } },
  'glm-5': { ...MIDDLE, thinking: 'toggle', price: { input: 1, output: 3.2, cached: 0.2 } },
  'glm-5v-turbo': { ...MIDDLE, thinking: 'toggle', vision: true },
  'glm-4.7': { ...MIDDLE, thinking: 'toggle', price: PRICE_4 },
  'glm-4.7-flash': { ...MIDDLE, thinking: 'toggle', price: FREE },
  'glm-4.7-flashx': { ...MIDDLE, thinking: 'toggle' },
  'glm-4.6': { ...MIDDLE, thinking: 'toggle', price: PRICE_4 },
  'glm-4.6v': {
    ...MIDDLE,
    contextTokens: 128_000,
    maxOutputTokens: 32_768,
    thinking: 'toggle',
    vision: true,
    price: { input: 0.3, output: 0.9, cached: 0.05 },
  },
  'glm-4.6v-flash': { ...MIDDLE, contextTokens: 128_000, maxOutputTokens: 32_768, thinking: 'toggle', vision: true },
  'glm-4.6v-flashx': { ...MIDDLE, contextTokens: 128_000, maxOutputTokens: 32_768, thinking: 'toggle', vision: true },
  'glm-4.5': { ...SMALL, thinking: 'toggle', price: PRICE_4 },
  'glm-4.5-x': { ...SMALL, thinking: 'toggle' },
  'glm-4.5-air': { ...SMALL, thinking: 'toggle', price: { input: 0.2, output: 1.1, cached: 0.03 } },
  'glm-4.5-airx': { ...SMALL, thinking: 'toggle' },
  'glm-4.5-flash': { ...SMALL, thinking: 'toggle', price: FREE },
  'glm-4.5v': {
    ...SMALL,
    contextTokens: 64_000,
    maxOutputTokens: 16_384,
    thinking: 'toggle',
    vision: true,
    price: PRICE_4,
  },
};

/** What an id that is not listed is taken for: the newest of its kind, so that a new model works before it is listed. */
export function glmFamily(id: string): Entry {
  return { ...MIDDLE, thinking: 'toggle', vision: /\dv\b|\dv-|vision/.test(id) };
}
