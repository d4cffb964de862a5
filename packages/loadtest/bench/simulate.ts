// What needs a processor and no clock, in a process of its own.
import { allBars } from './bars.ts';
import { gateTests, memoryTest, nullAlarms } from './simulations.ts';

await nullAlarms();
await gateTests();
await memoryTest();
process.send?.(allBars());
process.disconnect();
