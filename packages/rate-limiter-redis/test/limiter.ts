import { VirtualClock } from '@bp/core/testing';
import { RedisRateLimiter, type RedisRateLimiterOptions } from '../src/index.ts';
import { FakeStore } from './fake-store.ts';

/** A limiter whose store answers at once. */
export function limiterOf(options: Partial<RedisRateLimiterOptions> = {}): {
  clock: VirtualClock;
  store: FakeStore;
  limiter: RedisRateLimiter;
} {
  const clock = new VirtualClock();
  const store = new FakeStore(clock, () => 0);
  const limiter = new RedisRateLimiter({
    client: store,
    clock,
    rate: 1,
    intervalMs: 60_000,
    burst: 20,
    ...options,
  });
  return { clock, store, limiter };
}
