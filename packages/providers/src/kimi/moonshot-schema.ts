import type { JSONSchema } from '../chat/chat-model.ts';
import { isRecord, listOf } from '../json-value.ts';

/** A schema Kimi accepts, and what it no longer says. */
export interface MoonshotSchema {
  readonly schema: Readonly<Record<string, unknown>>;
  /** Paths and reasons of changes that lose something; equivalent rewrites are not listed. */
  readonly changes: readonly string[];
}

/** Keywords that only describe. */
const ANNOTATIONS = new Set([
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
]);
/** Keywords whose value is a schema; a list of schemas; schemas by name. */
const ONE = ['not', 'if', 'then', 'else', 'contains', 'propertyNames'];
/** Keywords about the rest, where a boolean is the usual form. */
const MAY_BE_BOOLEAN = new Set([
  'additionalProperties',
  'unevaluatedProperties',
  'additionalItems',
  'unevaluatedItems',
]);
const MANY = ['anyOf', 'oneOf', 'allOf', 'prefixItems'];
const NAMED = ['properties', 'patternProperties', '$defs', 'dependentSchemas'];

/**
 * Rewrites a JSON Schema into the dialect Kimi takes: an object at the root, no `$schema`, no boolean schemas, a type in
 * every `anyOf` branch, `prefixItems` for tuples, nothing beside a `$ref`.
 */
export function toMoonshotSchema(schema: JSONSchema): MoonshotSchema {
  const changes: string[] = [];
  const root = rewrite(schema, '', changes);
  const resolved = resolveRoot(root, changes);
  return { schema: 'type' in resolved ? resolved : { type: 'object', ...resolved }, changes };
}

type Schema = Record<string, unknown>;

function rewrite(value: unknown, path: string, changes: string[]): Schema {
  if (value === true) return {};
  if (value === false) {
    changes.push(`${path}: a schema that nothing matches was dropped`);
    return {};
  }
  if (!isRecord(value)) return {};
  const { $schema: _, $id: __, definitions, ...rest } = value;
  const source: Schema = isRecord(definitions)
    ? { ...rest, $defs: { ...definitions, ...asRecord(rest['$defs']) } }
    : rest;
  if (typeof source['$ref'] === 'string') return rewriteReference(source, path, changes);
  const out: Schema = {};
  for (const [key, inner] of Object.entries(source)) out[key] = rewriteKeyword(key, inner, `${path}.${key}`, changes);
  if (isRecord(source['properties'])) dropImpossible(out, source['properties'], path, changes);
  moveTupleItems(out);
  typeBranches(out);
  return out;
}

function rewriteKeyword(key: string, value: unknown, path: string, changes: string[]): unknown {
  if (NAMED.includes(key) && isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, inner]) => inner !== false)
        .map(([name, inner]) => [name, rewrite(inner, `${path}.${name}`, changes)]),
    );
  }
  if (MANY.includes(key)) return listOf(value).map((inner, i) => rewrite(inner, `${path}[${i}]`, changes));
  if (key === 'items') {
    if (Array.isArray(value)) return value.map((inner, i) => rewrite(inner, `${path}[${i}]`, changes));
    // Behind a tuple, `items: false` only says that it has no further elements.
    return typeof value === 'boolean' ? value : rewrite(value, path, changes);
  }
  if (MAY_BE_BOOLEAN.has(key)) {
    return typeof value === 'boolean' ? value : rewrite(value, path, changes);
  }
  return ONE.includes(key) ? rewrite(value, path, changes) : value;
}

function rewriteReference(source: Schema, path: string, changes: string[]): Schema {
  const $ref = String(source['$ref']).replace('#/definitions/', '#/$defs/');
  const lost = Object.keys(source).filter((key) => key !== '$ref' && key !== '$defs' && !ANNOTATIONS.has(key));
  if (lost.length > 0) changes.push(`${path}: ${lost.join(', ')} beside a $ref was dropped`);
  const defs = source['$defs'];
  return isRecord(defs) ? { $ref, $defs: rewriteKeyword('$defs', defs, `${path}.$defs`, changes) } : { $ref };
}

/** A property that must not be there becomes one that is not described, and is no longer required. */
function dropImpossible(
  out: Schema,
  properties: Readonly<Record<string, unknown>>,
  path: string,
  changes: string[],
): void {
  const impossible = Object.keys(properties).filter((name) => properties[name] === false);
  if (impossible.length === 0) return;
  changes.push(`${path}.properties: ${impossible.join(', ')} can no longer be excluded`);
  if (Array.isArray(out['required'])) {
    out['required'] = out['required'].filter((name) => !impossible.includes(String(name)));
  }
}

function moveTupleItems(out: Schema): void {
  const { items } = out;
  if (Array.isArray(items)) {
    out['prefixItems'] = items;
    delete out['items'];
    if ('additionalItems' in out) out['items'] = out['additionalItems'];
    delete out['additionalItems'];
  }
  if (out['items'] === true || (out['items'] === false && out['prefixItems'] === undefined)) delete out['items'];
  if (out['items'] === false) {
    out['maxItems'] ??= listOf(out['prefixItems']).length;
    delete out['items'];
  }
}

/** Gives every branch of an `anyOf` the type of its parent, or the one its own keywords imply. */
function typeBranches(out: Schema): void {
  const branches = out['anyOf'];
  if (!Array.isArray(branches)) return;
  const { type } = out;
  out['anyOf'] = branches.map((branch: unknown) => {
    if (!isRecord(branch) || 'type' in branch || '$ref' in branch) return branch;
    const implied = type ?? impliedType(branch);
    return implied === undefined ? branch : { type: implied, ...branch };
  });
  if (type !== undefined) delete out['type'];
}

function impliedType(schema: Readonly<Record<string, unknown>>): string | undefined {
  if ('properties' in schema || 'required' in schema || 'additionalProperties' in schema) return 'object';
  if ('items' in schema || 'prefixItems' in schema) return 'array';
  const values = 'const' in schema ? [schema['const']] : listOf(schema['enum']);
  const types = new Set(values.map(typeOf));
  if (types.size === 1) return [...types][0];
  if ('pattern' in schema || 'minLength' in schema || 'maxLength' in schema) return 'string';
  return 'minimum' in schema || 'maximum' in schema ? 'number' : undefined;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Puts the definition a root reference names in its place. */
function resolveRoot(root: Schema, changes: string[]): Schema {
  const $ref = root['$ref'];
  if (typeof $ref !== 'string') return root;
  const name = /^#\/\$defs\/([^/]+)$/.exec($ref)?.[1];
  const definition = name === undefined ? undefined : asRecord(root['$defs'])[name];
  if (isRecord(definition)) return { ...definition, $defs: root['$defs'] };
  changes.push(`: the root reference ${$ref} cannot be resolved`);
  return { type: 'object' };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}
