/** Model of the quick tools. */
export const QUICK_MODEL = { defaultProvider: 'glm', defaultModel: 'glm-4.5-flash' } as const;

/** Model of the tools that work in steps. */
export const WORK_MODEL = { defaultProvider: 'glm', defaultModel: 'glm-4.6' } as const;
