import { describe, expect, it } from 'vitest';

import { sampleJson } from '../../src/simulator/json-sample.ts';

describe('a sample of a JSON schema', () => {
  it.each<[string, unknown, unknown]>([
    ['none', undefined, { answer: 'hi' }],
    ['a constant', { const: 7 }, 7],
    ['a default', { type: 'number', default: 3 }, 3],
    ['choices', { enum: ['low', 'high'] }, 'low'],
    ['an integer in a range', { type: 'integer', minimum: 5 }, 5],
    ['a number below one', { type: 'number', maximum: 0.5 }, 0.5],
    ['a flag', { type: 'boolean' }, true],
    ['nothing', { type: 'null' }, null],
    ['a type or null', { type: ['null', 'integer'] }, 1],
    ['a text of a length', { type: 'string', minLength: 4, maxLength: 5 }, 'hi..'],
    ['a short text', { type: 'string', maxLength: 1 }, 'h'],
    ['a list', { type: 'array', items: { type: 'integer' }, minItems: 2 }, [1, 1]],
    ['a list of one', { type: 'array', items: { type: 'boolean' } }, [true]],
    ['a tuple', { type: 'array', prefixItems: [{ const: 'a' }, { type: 'integer' }] }, ['a', 1]],
    ['an object without required fields', { properties: { a: { type: 'integer' } } }, { a: 1 }],
    [
      'an object with required fields',
      { type: 'object', properties: { a: { type: 'integer' }, b: {} }, required: ['b'] },
      { b: 'hi' },
    ],
    ['the first of several', { anyOf: [{ type: 'boolean' }, { type: 'integer' }] }, true],
    ['a reference', { $ref: '#/$defs/size', $defs: { size: { type: 'integer', minimum: 9 } } }, 9],
  ])('fits %s', (_, schema, value) => {
    expect(sampleJson(schema, 'hi')).toEqual(value);
  });

  it('is never an empty text', () => {
    expect(sampleJson({ type: 'string' }, '')).toBe('simulated');
  });

  it('ends though the schema refers to itself', () => {
    const schema = {
      $ref: '#/$defs/node',
      $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node' } } } },
    };
    const depth = JSON.stringify(sampleJson(schema, 'hi')).match(/next/g)?.length ?? 0;
    expect(depth).toBeGreaterThan(0);
    expect(depth).toBeLessThan(7);
  });
});
