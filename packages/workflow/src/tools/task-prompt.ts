import type { ContentPart } from '../model.ts';

/** The fields of an input that every task text is made from. */
interface TaskInput {
  readonly prompt?: string | undefined;
  readonly step?: string | undefined;
  readonly relevant_files?: readonly string[] | undefined;
  readonly relevant_context?: readonly string[] | undefined;
  readonly hypothesis?: string | undefined;
  readonly images?: readonly string[] | undefined;
}

/** One line of a task: a label and a value; left out when the value is empty. */
type TaskLine = readonly [label: string, value: string | readonly string[] | undefined];

/**
 * Builds the first user message: the task, then one line per detail that was given. With images the text is the first
 * part.
 */
export function taskPrompt(input: TaskInput, lines: readonly TaskLine[] = []): string | ContentPart[] {
  const details = [
    ...lines,
    ['Files to start with', input.relevant_files],
    ['Names to look at', input.relevant_context],
    ['Suspected so far', input.hypothesis],
  ] as const satisfies readonly TaskLine[];
  const text = [input.prompt ?? input.step ?? '', ...details.flatMap(toLine)].join('\n');
  if (input.images === undefined || input.images.length === 0) return text;
  return [{ type: 'text', text }, ...input.images.map((url) => ({ type: 'image', url }) as const)];
}

function toLine([label, value]: TaskLine): string[] {
  const text = typeof value === 'string' ? value : (value ?? []).join(', ');
  return text === '' ? [] : [`${label}: ${text}`];
}
