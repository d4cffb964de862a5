import type { z } from 'zod';

/**
 * Refines a workflow input: the first caller-driven step must give the named field, a text or a list that is not empty.
 * Engine-driven input is not touched.
 */
export function requireOnFirstStep(
  name: string,
): (input: Readonly<Record<string, unknown>>, context: z.RefinementCtx) => void {
  return (input, context) => {
    if (input['step'] === undefined || input['step_number'] !== 1) return;
    const value = input[name];
    if (typeof value === 'string' && value !== '') return;
    if (Array.isArray(value) && value.length > 0) return;
    context.addIssue({ code: 'custom', path: [name], message: 'must be given with the first step' });
  };
}
