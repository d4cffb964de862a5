import { playLeakScenes } from './leak-scenes.ts';

// A process of its own, so that it can run under --inspect. Prints one line of JSON.
console.log(
  JSON.stringify([await playLeakScenes('Semaphore', 'standard'), await playLeakScenes('TieredSemaphore', 'standard')]),
);
