// What needs a processor and no clock, in a process of its own: `memory`, or the tests of verdicts.
import { allBars } from './bars.ts';
import { gateTests, memoryTest, nullAlarms } from './simulations.ts';

if (process.argv.includes('memory')) await memoryTest();
else {
  await nullAlarms();
  await gateTests();
}
process.send?.(allBars());
process.disconnect();
