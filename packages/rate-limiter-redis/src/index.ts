export type { RedisRateLimiterOptions, SharingMode } from './options.ts';
export { RedisRateLimiter, type RedisRateLimiterStats } from './redis-rate-limiter.ts';
export {
  fromIoredis,
  fromNodeRedis,
  type IoredisLike,
  type NodeRedisLike,
  type RedisClient,
} from './store/redis-client.ts';
export type { StoreChange, StoreState } from './store/shared-bucket.ts';
