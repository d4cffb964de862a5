import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * The ws library, loaded when it is first needed, and by `require`: for an `import` Node.js reads each of its files twice,
 * which takes three times the processor time, and a short run would notice.
 */
export function loadWs(): typeof import('ws') {
  // What require returns has no type; it is the module of this name.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return require('ws') as typeof import('ws');
}
