export type { Permit } from '@bp/core';
export { ConcurrencyLimiter, type ConcurrencyLimiterStats } from './concurrency-limiter.ts';
export type { ConcurrencyLimiterOptions, LoopYielding } from './options.ts';
