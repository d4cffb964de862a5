import { VOCABULARIES, type Vocabulary } from './vocabularies.ts';

/** What every unknown value becomes. */
export const OTHER = 'other';

/** Most distinct providers; beyond it a name folds into `other`. */
const MAX_PROVIDERS = 16;

/** Suffix that tools of the system replaced carry. */
const TOOL_SUFFIX = '_EXAI-WS';

/** Allow-lists of the labels whose values come from clients. */
export interface LabelGuardOptions {
  readonly models: readonly string[];
  readonly tools: readonly string[];
}

/** Decides which label values may become series: nothing a client can make up may grow the registry. */
export class LabelGuard {
  readonly #models: ReadonlySet<string>;
  readonly #tools: ReadonlySet<string>;
  readonly #providers = new Set<string>(['none']);
  readonly #closed = new Map<string, ReadonlySet<string>>();

  constructor(options: LabelGuardOptions) {
    this.#models = new Set(options.models);
    this.#tools = new Set(options.tools);
    for (const [name, values] of Object.entries(VOCABULARIES)) this.#closed.set(name, new Set(values));
  }

  /** The value as it may be exported: itself, its known part, or `other`. */
  admit(vocabulary: Vocabulary, raw: string): string {
    if (vocabulary === 'provider') return this.#provider(raw);
    if (vocabulary === 'model') return this.#models.has(raw) ? raw : OTHER;
    if (vocabulary === 'tool') return this.#tool(raw);
    if (vocabulary === 'closeCode') return admitCloseCode(raw);
    const known = this.#closed.get(vocabulary);
    return known === undefined || known.has(raw) ? raw : OTHER;
  }

  /** The limit's key is `glm` or `glm:<account>`; accounts are not a label. */
  #provider(raw: string): string {
    const colon = raw.indexOf(':');
    const name = colon === -1 ? raw : raw.slice(0, colon);
    if (this.#providers.has(name)) return name;
    if (this.#providers.size > MAX_PROVIDERS) return OTHER;
    this.#providers.add(name);
    return name;
  }

  #tool(raw: string): string {
    const name = raw.endsWith(TOOL_SUFFIX) ? raw.slice(0, -TOOL_SUFFIX.length) : raw;
    return this.#tools.has(name) ? name : OTHER;
  }
}

function admitCloseCode(raw: string): string {
  if (VOCABULARIES.closeCode.includes(raw)) return raw;
  return /^4\d\d\d$/.test(raw) ? '4xxx' : OTHER;
}
