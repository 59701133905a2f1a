export { AllOf, type AllOfOptions } from './all-of.ts';
export type { BucketSnapshot, BucketStats } from './buckets/bucket.ts';
export { LeakyBucket } from './buckets/leaky-bucket.ts';
export { LeakyBucketShaper, type LeakyBucketShaperStats } from './buckets/leaky-bucket-shaper.ts';
export type {
  LeakyBucketChange,
  LeakyBucketOptions,
  LeakyBucketShaperChange,
  LeakyBucketShaperOptions,
  TokenBucketChange,
  TokenBucketOptions,
  WarmUpOptions,
} from './buckets/options.ts';
export { TokenBucket } from './buckets/token-bucket.ts';
export type { Budget, BudgetChange } from './budget.ts';
export { clientKey, type IpKeyOptions, ipKey } from './client-key/ip-key.ts';
export type { LimitOptions, RateOptions } from './gcra/limit.ts';
export type { ClientBudget } from './per-client/client-budget.ts';
export type { ClientLimitOptions, PerClientRateLimiterOptions } from './per-client/options.ts';
export {
  PerClientRateLimiter,
  type PerClientRateLimiterStats,
} from './per-client/per-client-rate-limiter.ts';
export type { PerClientSnapshot } from './per-client/snapshot.ts';
export type { TopKey } from './per-client/top-keys.ts';
export type { WaitingOptions } from './waiting/options.ts';
export type { LimiterStats } from './waiting/stats.ts';
