/** The part of JSON Schema 2020-12 that the files of this package are described in. */
export interface JsonSchema {
  $schema?: string;
  $id?: string;
  title?: string;
  description?: string;
  type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';
  const?: string;
  enum?: readonly string[];
  properties?: Readonly<Record<string, JsonSchema>>;
  required?: readonly string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  minItems?: number;
  minLength?: number;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  pattern?: string;
  /** Every branch states a `const` for the same property, which decides. */
  oneOf?: readonly JsonSchema[];
}

/** Says what is wrong with `value`, one sentence per fault with the field, the rule and the value; empty when nothing is. */
export function findFaults(schema: JsonSchema, value: unknown, path = ''): string[] {
  const at = path === '' ? 'the document' : path;
  if (schema.oneOf) return findInBranch(schema.oneOf, value, path);
  if (schema.const !== undefined && value !== schema.const)
    return [`${at}: must be ${schema.const}, got ${show(value)}`];
  if (schema.enum && !(typeof value === 'string' && schema.enum.includes(value))) {
    return [`${at}: must be one of ${schema.enum.join(', ')}, got ${show(value)}`];
  }
  switch (schema.type ?? 'any') {
    case 'object':
      return isObject(value) ? findInObject(schema, value, path) : [`${at}: must be an object, got ${show(value)}`];
    case 'array':
      return Array.isArray(value) ? findInArray(schema, value, path) : [`${at}: must be a list, got ${show(value)}`];
    case 'string':
      return findInString(schema, value, at);
    case 'number':
    case 'integer':
      return findInNumber(schema, value, at);
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${at}: must be true or false, got ${show(value)}`];
    case 'any':
    default:
      return [];
  }
}

function findInBranch(branches: readonly JsonSchema[], value: unknown, path: string): string[] {
  const at = path === '' ? 'the document' : path;
  if (!isObject(value)) return [`${at}: must be an object, got ${show(value)}`];
  const tags = branches.flatMap((branch) => Object.entries(branch.properties ?? {}));
  const key = tags.find(([, property]) => property.const !== undefined)?.[0] ?? '';
  const chosen = branches.find((branch) => branch.properties?.[key]?.const === value[key]);
  if (chosen) return findFaults(chosen, value, path);
  const known = branches.map((branch) => branch.properties?.[key]?.const).join(', ');
  return [`${join(path, key)}: must be one of ${known}, got ${show(value[key])}`];
}

function findInObject(schema: JsonSchema, value: Record<string, unknown>, path: string): string[] {
  const faults: string[] = [];
  for (const key of schema.required ?? []) {
    if (value[key] === undefined) faults.push(`${join(path, key)}: is required`);
  }
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const known = schema.properties?.[key];
    const rest = schema.additionalProperties ?? true;
    if (known) faults.push(...findFaults(known, member, join(path, key)));
    else if (typeof rest === 'object') faults.push(...findFaults(rest, member, join(path, key)));
    else if (!rest) faults.push(`${join(path, key)}: is no field here (${fields(schema)}), got ${show(member)}`);
  }
  return faults;
}

function findInArray(schema: JsonSchema, value: unknown[], path: string): string[] {
  const { items, minItems = 0 } = schema;
  if (value.length < minItems) return [`${path}: must have at least ${minItems} entries, got ${value.length}`];
  return items ? value.flatMap((item, index) => findFaults(items, item, `${path}[${index}]`)) : [];
}

function findInString({ minLength = 0, pattern }: JsonSchema, value: unknown, at: string): string[] {
  if (typeof value !== 'string') return [`${at}: must be text, got ${show(value)}`];
  if (value.length < minLength) return [`${at}: must not be empty`];
  if (pattern !== undefined && !new RegExp(pattern).test(value)) return [`${at}: must match ${pattern}, got ${value}`];
  return [];
}

function findInNumber(schema: JsonSchema, value: unknown, at: string): string[] {
  if (typeof value !== 'number' || !Number.isFinite(value)) return [`${at}: must be a number, got ${show(value)}`];
  if (schema.type === 'integer' && !Number.isInteger(value)) return [`${at}: must be a whole number, got ${value}`];
  const { minimum, exclusiveMinimum, maximum } = schema;
  if (minimum !== undefined && value < minimum) return [`${at}: must be at least ${minimum}, got ${value}`];
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
    return [`${at}: must be above ${exclusiveMinimum}, got ${value}`];
  }
  if (maximum !== undefined && value > maximum) return [`${at}: must be at most ${maximum}, got ${value}`];
  return [];
}

/** True for what JSON calls an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function fields(schema: JsonSchema): string {
  return `known: ${Object.keys(schema.properties ?? {}).join(', ')}`;
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 80);
}
