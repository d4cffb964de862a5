import { LOOPS } from './loop-families.ts';
import { SOLVABLE } from './solvable-families.ts';
import { loadPeers } from './peers.ts';
for (const p of await loadPeers()) {
  const t = performance.now();
  let n = 0;
  for (const f of [...SOLVABLE, ...LOOPS]) {
    await p.run(f, 1);
    n++;
  }
  console.log(p.name, ((performance.now() - t) / n).toFixed(1), 'ms/run');
}
