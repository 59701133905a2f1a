export { ConcurrencyLimiter, type ConcurrencyLimiterStats } from './concurrency-limiter.ts';
export type { ConcurrencyLimiterOptions, LoopYielding } from './options.ts';
export type { Permit } from './permit.ts';
