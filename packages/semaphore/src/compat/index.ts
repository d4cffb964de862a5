export { E_ALREADY_LOCKED, E_CANCELED, E_TIMEOUT, Mutex, tryAcquire, withTimeout } from 'async-mutex';
export type { MutexInterface, SemaphoreInterface } from 'async-mutex';
export { Semaphore } from './semaphore.ts';
