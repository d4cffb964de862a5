import { readFileSync } from 'node:fs';

import { loadConfig } from '@exai/server';
import { describe, expect, it } from 'vitest';

import { VARIABLES } from '../src/config/variables.ts';

const LINE = /^(# )?([A-Z][A-Z0-9_]+)=(.*)$/;
const text = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8');
const lines = text.split('\n').flatMap((line) => {
  const [, mark, name, value] = LINE.exec(line) ?? [];
  return name === undefined ? [] : [{ name, value: value ?? '', isSet: mark === undefined }];
});

describe('.env.example', () => {
  it('names every variable once and none that the server does not read', () => {
    expect(lines.map(({ name }) => name).toSorted()).toEqual(VARIABLES.map(({ name }) => name).toSorted());
  });

  it('sets what is the default', () => {
    const set = Object.fromEntries(lines.filter(({ isSet }) => isSet).map(({ name, value }) => [name, value]));
    expect(loadConfig(set)).toEqual(loadConfig({}));
  });
});
