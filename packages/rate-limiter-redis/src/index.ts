export type { RedisRateLimiterOptions, SharingMode } from './options.ts';
export {
  fromIoredis,
  fromNodeRedis,
  type IoredisLike,
  type NodeRedisLike,
  type RedisClient,
} from './redis-client.ts';
export { RedisRateLimiter, type RedisRateLimiterStats } from './redis-rate-limiter.ts';
export type { StoreChange, StoreState } from './shared-bucket.ts';
