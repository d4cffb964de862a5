import type { JSONSchema } from '../chat/message.ts';
import { at, isRecord, listOf, parseJson } from '../json-value.ts';

/**
 * Why a text is not the JSON that was asked for; `undefined` when it is. Checks `type`, `properties`, `required`, `items`,
 * `enum`, `const`, `anyOf`, `oneOf`, `additionalProperties: false` and local references; other keywords are not checked.
 */
export function jsonProblem(text: string, schema: JSONSchema | undefined): string | undefined {
  const value = parseJson(text);
  if (value === undefined) return 'the answer is not valid JSON';
  return schema === undefined ? undefined : problem(value, schema, { path: '$', root: schema, depth: 0 });
}

interface Place {
  readonly path: string;
  readonly root: JSONSchema;
  readonly depth: number;
}

/** Nesting beyond which a recursive schema is not followed. */
const DEEPEST = 100;

function problem(value: unknown, schema: unknown, place: Place): string | undefined {
  if (!isRecord(schema) || place.depth > DEEPEST)
    return schema === false ? `${place.path} must not be there` : undefined;
  const next = { ...place, depth: place.depth + 1 };
  if (typeof schema['$ref'] === 'string') return problem(value, resolve(schema['$ref'], place.root), next);
  const { type, enum: values, const: only } = schema;
  if (type !== undefined && !listOrOne(type).some((name) => isOfType(value, name))) {
    return `${place.path} must be ${listOrOne(type).join(' or ')}`;
  }
  if (Array.isArray(values) && !values.some((one) => isSame(one, value)))
    return `${place.path} is not one of the allowed values`;
  if ('const' in schema && !isSame(only, value)) return `${place.path} is not the one allowed value`;
  const branches = listOf(schema['anyOf'] ?? schema['oneOf']);
  if (branches.length > 0 && branches.every((branch) => problem(value, branch, next) !== undefined)) {
    return `${place.path} fits none of the alternatives`;
  }
  if (Array.isArray(value)) return itemProblem(value, schema, next);
  return isRecord(value) ? propertyProblem(value, schema, next) : undefined;
}

function itemProblem(
  value: readonly unknown[],
  schema: Readonly<Record<string, unknown>>,
  place: Place,
): string | undefined {
  const prefix = listOf(schema['prefixItems']);
  for (const [i, item] of value.entries()) {
    const found = problem(item, prefix[i] ?? schema['items'], { ...place, path: `${place.path}[${i}]` });
    if (found !== undefined) return found;
  }
  return undefined;
}

function propertyProblem(
  value: Readonly<Record<string, unknown>>,
  schema: Readonly<Record<string, unknown>>,
  place: Place,
): string | undefined {
  for (const name of listOf(schema['required'])) {
    if (typeof name === 'string' && !(name in value)) return `${place.path}.${name} is missing`;
  }
  for (const [name, inner] of Object.entries(value)) {
    const known = at(schema['properties'], name);
    const found = problem(inner, known ?? schema['additionalProperties'], { ...place, path: `${place.path}.${name}` });
    if (found !== undefined) return found;
  }
  return undefined;
}

function resolve($ref: string, root: JSONSchema): unknown {
  if ($ref === '#') return root;
  const path = $ref.replace(/^#\//, '').split('/');
  return at(root, ...path.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')));
}

function listOrOne(type: unknown): readonly string[] {
  return (Array.isArray(type) ? type : [type]).map(String);
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isRecord(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
