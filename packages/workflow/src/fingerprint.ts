import { createHash } from 'node:crypto';

import { stringify } from 'safe-stable-stringify';

const DIGEST_CHARS = 16;

/** Things that differ between two otherwise equal texts: ids, times, durations. */
const NOISE: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  [/\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b/g, '<time>'],
  [/\b1[5-9]\d{8}(?:\d{3})?\b/g, '<time>'],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi, '<id>'],
  [
    /\b(request|req|trace|span|session|call|txn|nonce|correlation)(?:[_-]?id)?(["']?\s*[=:_#-]\s*["']?)[\w-]*\d[\w-]*/gi,
    '$1$2<id>',
  ],
  [/\b\d+(?:\.\d+)?\s?(?:ms|µs|us|ns|s|secs?|seconds)\b/g, '<duration>'],
  [/\s+/g, ' '],
];

/** The text without what changes from call to call: ids, times, durations, spacing. Plain numbers stay. */
export function mask(text: string): string {
  return NOISE.reduce((masked, [pattern, word]) => masked.replace(pattern, word), text).trim();
}

/** The text with every number gone too: what is left when only counters differ. */
export function maskNumbers(text: string): string {
  return mask(text).replace(/\d+/g, '#');
}

/** The kind of an error, whatever names, places and numbers it carries. */
export function maskError(text: string): string {
  return maskNumbers(text)
    .replace(/(["'`]).*?\1/g, '<q>')
    .toLowerCase();
}

/** A short digest of a text. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, DIGEST_CHARS);
}

/** One text for equal values, whatever the order of their keys. */
export function canonical(value: unknown): string {
  return stringify(value) ?? 'undefined';
}

/** Fewer words than this say too little to call two texts alike. */
const MIN_WORDS = 40;
const SHINGLE = 3;
const LANES = 16;

/**
 * A sketch of a longer text (min-hash over word triples, Broder 1997): the share of equal positions of two sketches
 * estimates how alike the texts are. Empty for short texts.
 */
export function sketch(text: string): number[] {
  const words = mask(text)
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
  if (words.length < MIN_WORDS) return [];
  const lanes = Array.from({ length: LANES }, () => 0xffffffff);
  for (let index = 0; index + SHINGLE <= words.length; index += 1) {
    const hash = hashOf(words.slice(index, index + SHINGLE).join(' '));
    for (let lane = 0; lane < LANES; lane += 1) {
      const mixed = mix(hash ^ Math.imul(lane + 1, 0x9e3779b1));
      if (mixed < (lanes[lane] ?? 0)) lanes[lane] = mixed;
    }
  }
  return lanes;
}

/** How alike two sketches are, 0 to 1; 0 when either is empty. */
export function likeness(a: readonly number[], b: readonly number[]): number {
  if (a.length === 0 || a.length !== b.length) return 0;
  return a.filter((value, lane) => value === b[lane]).length / a.length;
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** The finaliser of MurmurHash3. */
function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
