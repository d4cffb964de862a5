import type { Price } from './usage.ts';

/** What is known of a model at one endpoint. */
export interface ModelInfo {
  readonly id: string;
  /** Tokens of prompt and answer together. */
  readonly contextTokens: number;
  readonly maxOutputTokens: number;
  /** `none`: never reasons · `toggle`: can be switched · `always`: cannot be switched off. */
  readonly thinking: 'none' | 'toggle' | 'always';
  /** Reasoning levels the model takes by name; without any, thinking is on or off. */
  readonly efforts?: readonly string[];
  readonly vision: boolean;
  /** Takes only its own temperature and top_p. */
  readonly pinnedSampling?: boolean;
  /** Can read its earlier reasoning when it is sent back. */
  readonly keepsThinking?: boolean;
  /** Streams the arguments of a tool call as they are written. */
  readonly streamsToolArgs?: boolean;
  /** `tool_choice` values it takes while it reasons, besides `auto`. */
  readonly toolChoices?: readonly ('none' | 'required' | 'named')[];
  readonly price?: Price;
  /** Can be used only with a subscription key. */
  readonly codingOnly?: boolean;
  /** False when the id is not in the catalogue and the values follow from its family. */
  readonly known?: boolean;
}

/** Models by id: yours beside or instead of the built-in ones. Keep one per endpoint, since hosts serve different windows. */
export type ModelCatalog = Readonly<Record<string, Partial<Omit<ModelInfo, 'id'>>>>;

/** The entry for `id`: the override, else the catalogue, else what its family implies. */
export function findModel(
  id: string,
  builtIn: Readonly<Record<string, Omit<ModelInfo, 'id'>>>,
  overrides: ModelCatalog,
  family: (id: string) => Omit<ModelInfo, 'id'>,
): ModelInfo {
  const base = builtIn[id] ?? family(id);
  const override = overrides[id];
  const known = builtIn[id] !== undefined || override !== undefined;
  return { ...base, ...override, id, known };
}
