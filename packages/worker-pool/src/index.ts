export type { WorkerPoolOptions } from './options.ts';
export { WorkerPool, type WorkerPoolStats } from './worker-pool.ts';
