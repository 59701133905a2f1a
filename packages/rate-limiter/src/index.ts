export { AllOf } from './all-of.ts';
export type { BucketSnapshot, BucketStats } from './bucket.ts';
export type { Budget } from './budget.ts';
export type { ClientBudget } from './client-budget.ts';
export { clientKey, type IpKeyOptions, ipKey } from './ip-key.ts';
export { LeakyBucket } from './leaky-bucket.ts';
export type { LimiterStats } from './limiter.ts';
export type {
  AllOfOptions,
  LeakyBucketOptions,
  LeakyBucketShaperOptions,
  RateOptions,
  TokenBucketOptions,
  WaitingOptions,
  WarmUpOptions,
} from './options.ts';
export { PerClientRateLimiter, type PerClientRateLimiterStats } from './per-client.ts';
export type { ClientLimitOptions, PerClientRateLimiterOptions } from './per-client-options.ts';
export type { PerClientSnapshot } from './per-client-snapshot.ts';
export { LeakyBucketShaper, type LeakyBucketShaperStats } from './shaper.ts';
export { TokenBucket } from './token-bucket.ts';
export type { TopKey } from './top-keys.ts';
