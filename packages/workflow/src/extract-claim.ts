import { jsonrepair } from 'jsonrepair';

import { Claim, REPORT_STEP } from './claim.ts';
import { issuesOf } from './evidence-tool.ts';
import type { RecordOf } from './journal.ts';

/** What an answer claims: a claim, an unreadable one, or nothing. */
export type Extracted =
  | { readonly claim: Claim; readonly via: 'report_step' | 'text' | 'reasoning' }
  | { readonly error: string }
  | undefined;

const CLAIM_KEYS = ['next_step_required', 'confidence', 'findings'];

/**
 * Finds the claim in an answer: the last `report_step` call, else the last JSON object of the text, else (for an answer
 * that is nothing but reasoning) of the reasoning. JSON that is slightly broken is mended.
 */
export function extractClaim(answer: RecordOf<'model.finished'>): Extracted {
  const call = answer.toolCalls.findLast(({ name }) => name === REPORT_STEP);
  if (call !== undefined) {
    if (call.error !== undefined) return fromText(call.raw ?? '', 'report_step') ?? { error: call.error };
    return check(call.arguments, 'report_step');
  }
  const inText = fromText(answer.text, 'text');
  if (inText !== undefined) return inText;
  const onlyReasoning = answer.text.trim() === '' && answer.toolCalls.length === 0;
  return onlyReasoning ? fromText(answer.reasoning, 'reasoning') : undefined;
}

/** The last JSON object of a text, mended when it is slightly broken; `undefined` when there is none. */
export function lastJsonObject(text: string): Record<string, unknown> | undefined {
  const candidate = lastObjectText(text);
  if (candidate === undefined) return undefined;
  return parseObject(candidate, JSON.parse) ?? parseObject(candidate, (broken) => JSON.parse(jsonrepair(broken)));
}

function fromText(text: string, via: 'report_step' | 'text' | 'reasoning'): Extracted {
  const found = lastJsonObject(text);
  if (found === undefined || !CLAIM_KEYS.some((key) => key in found)) return undefined;
  return check(found, via);
}

function check(value: unknown, via: 'report_step' | 'text' | 'reasoning'): Extracted {
  const parsed = Claim.safeParse(value);
  return parsed.success ? { claim: parsed.data, via } : { error: issuesOf(parsed.error) };
}

function parseObject(text: string, parse: (text: string) => unknown): Record<string, unknown> | undefined {
  try {
    const value = parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text of the last outermost `{…}`; up to the end when it is not closed. */
function lastObjectText(text: string): string | undefined {
  let start = -1;
  let end = -1;
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (inString) {
      if (char === '\\') index += 1;
      else if (char === '"') inString = false;
      continue;
    }
    if (char === '"' && depth > 0) inString = true;
    else if (char === '{') {
      if (depth === 0) {
        start = index;
        end = -1;
      }
      depth += 1;
    } else if (char === '}' && depth > 0) {
      depth -= 1;
      if (depth === 0) end = index + 1;
    }
  }
  if (start < 0) return undefined;
  return end < 0 ? text.slice(start) : text.slice(start, end);
}
