/** A pool of permits: `acquire` waits until one is free, in order of asking. */
export function createPool(size) {
  let free = size;
  const waiting = [];

  return {
    get available() {
      return free;
    },

    async acquire() {
      if (free > 0) {
        free -= 1;
        return;
      }
      await new Promise((resolve) => waiting.push(resolve));
    },

    release() {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    },
  };
}
