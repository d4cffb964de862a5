import { describe, expect, it } from 'vitest';

import { measureBundle } from '../../bench/bundle-size.ts';

describe('81 a bundle for a browser', () => {
  it('holds createGLM and createKimi and imports neither ai, undici nor a module of Node', async () => {
    const { imports, kbGzip } = await measureBundle();
    expect(imports).toEqual([]);
    expect(kbGzip).toBeLessThan(50);
  });

  it.each([
    ['a static import', "import { fetch } from 'undici'; export { fetch };", 'undici'],
    ['a literal dynamic import', "export const load = () => import('ai');", 'ai'],
    ['an import for its effect', "import 'node:fs';", 'node:fs'],
    ['an import behind other files', "export { createSimulator } from './src/simulator/index.ts';", 'node:http'],
  ])('would show %s', async (_kind, source, name) => {
    expect((await measureBundle(source)).imports).toContain(name);
  });
});
