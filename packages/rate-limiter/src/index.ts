export type { BucketStats } from './bucket.ts';
export type { Budget } from './budget.ts';
export { LeakyBucket } from './leaky-bucket.ts';
export type { LeakyBucketOptions, RateOptions, TokenBucketOptions, WaitingOptions } from './options.ts';
export { PerClientRateLimiter, type PerClientRateLimiterStats } from './per-client.ts';
export type { PerClientRateLimiterOptions } from './per-client-options.ts';
export { TokenBucket } from './token-bucket.ts';
