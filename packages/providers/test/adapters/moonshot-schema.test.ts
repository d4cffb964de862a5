import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { toMoonshotSchema } from '@exai/providers';

import { jsonProblem } from '../../src/wire/json-check.ts';

describe('49 schemas for Kimi', () => {
  it.each([
    [
      'a root without a type is an object and loses $schema',
      { $schema: 'https://json-schema.org/draft/2020-12/schema', properties: { a: { type: 'string' } } },
      { type: 'object', properties: { a: { type: 'string' } } },
    ],
    [
      'branches of anyOf take the type of their parent, or the one they imply',
      {
        type: 'object',
        properties: {
          a: { type: 'string', anyOf: [{ minLength: 1 }, { const: 'x' }] },
          b: { anyOf: [{ enum: [1, 2] }, { items: {} }] },
        },
      },
      {
        type: 'object',
        properties: {
          a: {
            anyOf: [
              { type: 'string', minLength: 1 },
              { type: 'string', const: 'x' },
            ],
          },
          b: {
            anyOf: [
              { type: 'number', enum: [1, 2] },
              { type: 'array', items: {} },
            ],
          },
        },
      },
    ],
    [
      'tuples become prefixItems',
      {
        type: 'object',
        properties: { p: { type: 'array', items: [{ type: 'number' }, { type: 'string' }], additionalItems: false } },
      },
      {
        type: 'object',
        properties: { p: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'string' }], maxItems: 2 } },
      },
    ],
    [
      'a true schema is an empty one',
      { type: 'object', properties: { a: true } },
      { type: 'object', properties: { a: {} } },
    ],
    [
      'additionalProperties false stays',
      { type: 'object', properties: {}, additionalProperties: false },
      { type: 'object', properties: {}, additionalProperties: false },
    ],
    [
      'a described reference keeps only the reference',
      { type: 'object', $defs: { n: { type: 'number' } }, properties: { a: { $ref: '#/$defs/n', description: 'd' } } },
      { type: 'object', $defs: { n: { type: 'number' } }, properties: { a: { $ref: '#/$defs/n' } } },
    ],
    [
      'definitions become $defs and a root reference is put in place',
      {
        $ref: '#/definitions/T',
        definitions: { T: { type: 'object', properties: { t: { $ref: '#/definitions/T' } } } },
      },
      {
        type: 'object',
        properties: { t: { $ref: '#/$defs/T' } },
        $defs: { T: { type: 'object', properties: { t: { $ref: '#/$defs/T' } } } },
      },
    ],
  ])('%s', (_, schema, expected) => {
    expect(toMoonshotSchema(schema)).toEqual({ schema: expected, changes: [] });
  });

  it('says what a change loses', () => {
    const lossy = {
      type: 'object',
      properties: { never: false, a: { $ref: '#/$defs/n', minimum: 3 } },
      required: ['never', 'a'],
      $defs: { n: { type: 'number' } },
    };
    const { schema, changes } = toMoonshotSchema(lossy);
    expect(schema).toMatchObject({ required: ['a'] });
    expect(changes).toEqual([
      '.properties.a: minimum beside a $ref was dropped',
      '.properties: never can no longer be excluded',
    ]);
  });

  const leaf = fc.constantFrom<Record<string, unknown>>(
    { type: 'string' },
    { type: 'integer' },
    { type: 'boolean' },
    { enum: ['a', 'b'] },
    { const: 1 },
  );
  const { schema: anySchema } = fc.letrec<{ schema: Record<string, unknown> }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.record({
        type: fc.constant('array'),
        items: fc.oneof(tie('schema'), fc.array(tie('schema'), { minLength: 1, maxLength: 2 })),
      }),
      fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
      fc.record({
        type: fc.constant('object'),
        properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema'), { maxKeys: 3 }),
      }),
    ),
  }));
  const root = fc.record({
    type: fc.constant('object'),
    properties: fc.dictionary(fc.constantFrom('a', 'b'), anySchema, { maxKeys: 2 }),
  });
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<unknown>('a', 'x', 1, 2, 1.5, true, null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
    ),
  }));

  it('accepts and refuses the same values as before', () => {
    fc.assert(
      fc.property(root, fc.dictionary(fc.constantFrom('a', 'b'), value, { maxKeys: 2 }), (schema, sample) => {
        const { schema: rewritten, changes } = toMoonshotSchema(schema);
        expect(changes).toEqual([]);
        const tuplesAsPrefix = JSON.parse(JSON.stringify(schema), (_, part: any) =>
          Array.isArray(part?.items) ? { ...part, prefixItems: part.items, items: undefined } : part,
        ) as Record<string, unknown>;
        const before = jsonProblem(JSON.stringify(sample), tuplesAsPrefix) === undefined;
        const after = jsonProblem(JSON.stringify(sample), rewritten) === undefined;
        expect(after).toBe(before);
      }),
    );
  });

  it('gives what Kimi takes, and nothing more to change the second time', () => {
    fc.assert(
      fc.property(root, (schema) => {
        const { schema: once } = toMoonshotSchema(schema);
        expect(toMoonshotSchema(once).schema).toEqual(once);
        const text = JSON.stringify(once);
        expect(text).not.toMatch(/"items":\[/);
        JSON.parse(text, (key, part: any) => {
          if (key === 'anyOf') {
            expect(part.every((branch: any) => 'type' in branch || '$ref' in branch || 'anyOf' in branch)).toBe(true);
          }
          return part;
        });
      }),
    );
  });
});

it.each([
  ['{"a":1}', { type: 'object', required: ['a', 'b'] }, '$.b is missing'],
  [
    '{"a":{"b":["x",1]}}',
    { properties: { a: { properties: { b: { items: { type: 'string' } } } } } },
    '$.a.b[1] must be string',
  ],
  ['{"a":1}', { properties: {}, additionalProperties: false }, '$.a must not be there'],
  ['3', { enum: [1, 2] }, '$ is not one of the allowed values'],
  ['"x"', { anyOf: [{ type: 'number' }, { type: 'null' }] }, '$ fits none of the alternatives'],
  [
    '{"n":{"n":{"n":1}}}',
    { $defs: { t: { properties: { n: { $ref: '#/$defs/t' } }, type: 'object' } }, $ref: '#/$defs/t' },
    '$.n.n.n must be object',
  ],
  ['nope', undefined, 'the answer is not valid JSON'],
  ['[1,2]', { type: 'array', items: { type: 'integer' } }, undefined],
])('checks %s', (text, schema, problem) => {
  expect(jsonProblem(text, schema)).toBe(problem);
});
