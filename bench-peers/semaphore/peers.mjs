export { default as asyncSema } from 'async-sema';
export { bulkhead } from 'cockatiel';
export { default as pLimit } from 'p-limit';
export { default as PQueue } from 'p-queue';
