// The pages of this repository, and the blocks of code in them.
import { readdirSync, readFileSync } from 'node:fs';

/** Every page somebody reads, by its path; what is generated is not among them. */
export const pages = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('packages').map((name) => `packages/${name}/README.md`),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .map((name) => `docs/${name}`)
    .filter((name) => name.endsWith('.md')),
  ...readdirSync('examples', { recursive: true, encoding: 'utf8' })
    .map((name) => `examples/${name}`)
    .filter((name) => name.endsWith('.md')),
].toSorted();

/** The fenced blocks of a page in one of these languages, each with its line. */
export function blocksOf(page, languages) {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)]
    .filter(([, language]) => languages.includes(language))
    .map(({ 2: code, index }) => ({ code, line: text.slice(0, index).split('\n').length }));
}
