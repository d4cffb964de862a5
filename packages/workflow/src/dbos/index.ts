export { createRunWorker } from './run-worker.ts';

export type { DbosPort, DbosQueueOptions } from './dbos-port.ts';
export type { LeasedStore, RunWorker, RunWorkerOptions } from './run-worker.ts';
