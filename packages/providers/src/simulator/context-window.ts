/** Context windows by family of models, the first that fits. */
const WINDOWS: readonly (readonly [RegExp, number])[] = [
  [/^moonshot-v1-8k/, 8192],
  [/^moonshot-v1-32k/, 32_768],
  [/^moonshot-v1/, 131_072],
  [/^(kimi-)?k2|^k3-256k/, 262_144],
  [/^(kimi-k3|k3|kimi-for-coding)/, 1_048_576],
  [/^glm-4\.5v/, 65_536],
  [/^glm-4\.6v/, 131_072],
  [/^glm-4\.[67]/, 204_800],
  [/^glm-5\.[2-9]/, 1_048_576],
  [/^glm-5/, 204_800],
];
const USUAL = 131_072;

/** Most tokens a model takes. */
export function contextTokens(model: string): number {
  return WINDOWS.find(([family]) => family.test(model))?.[1] ?? USUAL;
}
