export type { AwayMode, RedisRateLimiterOptions, SharingMode } from './options.ts';
export {
  fromIoredis,
  fromNodeRedis,
  type IoredisLike,
  type NodeRedisLike,
  type RedisClient,
} from './redis-client.ts';
export { RedisRateLimiter, type RedisRateLimiterStats, type StoreChange } from './redis-rate-limiter.ts';
export type { StoreState } from './shared-bucket.ts';
