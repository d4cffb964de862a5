import { asList, asNumber, asObject, asText, type JsonObject } from './json.ts';

/** Deepest nesting that is filled in; a schema that refers to itself ends there. */
const DEEPEST = 6;

/** A value that fits a JSON schema as far as the usual keywords say; texts are `text`. Without a schema, `{"answer": text}`. */
export function sampleJson(schema: unknown, text: string): unknown {
  if (schema === undefined) return { answer: text };
  const root = asObject(schema);
  return sample(root, text, root, 0);
}

function sample(schema: JsonObject, text: string, root: JsonObject, depth: number): unknown {
  if (depth > DEEPEST) return null;
  if ('const' in schema) return schema['const'];
  if ('default' in schema) return schema['default'];
  const choices = asList(schema['enum']);
  if (choices.length > 0) return choices[0];
  const next = branch(schema, root);
  if (next !== undefined) return sample(next, text, root, depth + 1);
  switch (typeOf(schema)) {
    case 'object':
      return sampleObject(schema, text, root, depth);
    case 'array':
      return sampleList(schema, text, root, depth);
    case 'integer':
    case 'number':
      return sampleNumber(schema);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return sampleText(schema, text);
  }
}

function branch(schema: JsonObject, root: JsonObject): JsonObject | undefined {
  const target = asText(schema['$ref']);
  if (target.startsWith('#/')) {
    return target
      .slice(2)
      .split('/')
      .reduce<JsonObject>((at, part) => asObject(at[part]), root);
  }
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    const [first] = asList(schema[keyword]);
    if (first !== undefined) return asObject(first);
  }
  return undefined;
}

function typeOf(schema: JsonObject): string {
  const { type } = schema;
  if (Array.isArray(type)) return asText(type.find((one) => one !== 'null'));
  if (typeof type === 'string') return type;
  return 'properties' in schema ? 'object' : 'string';
}

function sampleObject(schema: JsonObject, text: string, root: JsonObject, depth: number): JsonObject {
  const properties = asObject(schema['properties']);
  const required = asList(schema['required']).map(asText);
  const names = required.length > 0 ? required : Object.keys(properties);
  return Object.fromEntries(names.map((name) => [name, sample(asObject(properties[name]), text, root, depth + 1)]));
}

function sampleList(schema: JsonObject, text: string, root: JsonObject, depth: number): unknown[] {
  const prefix = asList(schema['prefixItems']).map(asObject);
  if (prefix.length > 0) return prefix.map((item) => sample(item, text, root, depth + 1));
  const least = asNumber(schema['minItems']) ?? 1;
  return Array.from({ length: least }, () => sample(asObject(schema['items']), text, root, depth + 1));
}

function sampleNumber(schema: JsonObject): number {
  const least = asNumber(schema['minimum']) ?? 1;
  return Math.min(Math.max(least, 1), asNumber(schema['maximum']) ?? Number.POSITIVE_INFINITY);
}

function sampleText(schema: JsonObject, text: string): string {
  const least = asNumber(schema['minLength']) ?? 0;
  return (text === '' ? 'simulated' : text).padEnd(least, '.').slice(0, asNumber(schema['maxLength']));
}
