import { describe, expect, it } from 'vitest';

import { IS_FULL_PROOF } from './seeded-random.ts';
import { playTierWorld } from './tier-world.ts';

/** 2,100 worlds and over 200,000 grants at full size; a tenth by default. */
const WORLDS = IS_FULL_PROOF ? 2100 : 210;
const CALLS = 150;

describe('random tier worlds', () => {
  it(
    `keep caps, conserve work, meet the wait bound and leave nothing behind (${WORLDS} worlds)`,
    { timeout: 600_000 },
    async () => {
      let grants = 0;
      let worstShare = 0;
      for (let seed = 1; seed <= WORLDS; seed += 1) {
        const report = await playTierWorld(seed, CALLS);
        grants += report.grants;
        worstShare = Math.max(worstShare, report.worstShare);
        expect({ seed, ...report }).toMatchObject({ capViolations: [], idleWaits: [], lateStarts: [], leftovers: [] });
      }
      expect(grants).toBeGreaterThan(WORLDS * 96);
      console.log(`${WORLDS} worlds, ${grants} grants, longest wait ${(worstShare * 100).toFixed(0)} % of its bound`);
    },
  );
});
