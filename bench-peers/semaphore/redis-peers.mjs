export { Redis } from 'ioredis';
export { Semaphore } from 'redis-semaphore';
