import { z } from 'zod';

import type { Workflow } from '../define-workflow.ts';
import { stepFields } from '../request.ts';
import type { Profile } from './tool-names.ts';

/** A JSON Schema object, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A tool as it is listed to a client. */
export interface ToolSchemas {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  /** Shape of the structured result; further properties may come. */
  readonly outputSchema: JsonSchema;
}

/** Step fields that mean something in an engine-driven call too. */
const SHARED: ReadonlySet<string> = new Set([
  'relevant_files',
  'relevant_context',
  'hypothesis',
  'use_assistant_model',
]);

/** Fields of a caller-driven step; the last ones belong to single tools. */
const CALLER_DRIVEN: ReadonlySet<string> = new Set([
  ...Object.keys(stepFields).filter((name) => !SHARED.has(name)),
  'is_step_revision',
  'revises_step_number',
  'is_branch_point',
  'branch_from_step',
  'branch_id',
  'more_steps_needed',
  'current_model_index',
  'model_responses',
  'num_files_documented',
  'total_files_to_document',
]);

/** Accepted but not listed in the `lean` profile. */
const SELDOM: ReadonlySet<string> = new Set([
  'temperature',
  'images',
  'simulate',
  'relevant_context',
  'hypothesis',
  'use_assistant_model',
]);

/** Limits that every call is checked against anyway; listing them costs a client tokens in every prompt. */
const QUIET_KEYWORDS: ReadonlySet<string> = new Set(['maxLength', 'minLength', 'maxItems', 'maximum', 'minimum']);

/**
 * The schemas a client is shown. Every profile accepts the same calls: what is not listed is still accepted, and what
 * is accepted is checked against the whole of `workflow.input`.
 */
export function toolSchemas(workflow: Workflow, profile: Profile): ToolSchemas {
  const listed = z.toJSONSchema(workflow.input, { io: 'input', unrepresentable: 'any' });
  const properties = Object.entries(listed.properties ?? {})
    .filter(([name]) => isListed(name, profile))
    .map(([name, schema]) => [name, profile === 'full' ? schema : compact(schema)] as const);
  const required = profile === 'full' ? (listed.required ?? []) : ['prompt'];
  return {
    name: workflow.name,
    description: workflow.description,
    inputSchema: {
      type: 'object',
      properties: Object.fromEntries(properties),
      ...(required.length === 0 ? {} : { required }),
      ...(profile === 'full' ? { additionalProperties: false } : {}),
    },
    outputSchema: OUTPUT,
  };
}

function isListed(name: string, profile: Profile): boolean {
  if (profile === 'full') return true;
  return !CALLER_DRIVEN.has(name) && !(profile === 'lean' && SELDOM.has(name));
}

function compact(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(compact);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).filter(([key]) => !QUIET_KEYWORDS.has(key));
  return Object.fromEntries(entries.map(([key, value]) => [key, compact(value)]));
}

const OUTPUT: JsonSchema = {
  type: 'object',
  properties: {
    stop: { type: 'object', properties: { kind: { type: 'string' } }, required: ['kind'] },
    text: { type: 'string' },
    continuationId: { type: 'string' },
  },
  required: ['stop'],
};
