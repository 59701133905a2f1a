import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  fromIoredis,
  RedisRateLimiter,
  type RedisRateLimiterOptions,
  type StoreChange,
} from '../src/index.ts';
import { missingRedis, RedisServer, until } from './redis-server.ts';

describe.skipIf(missingRedis !== undefined)('while the store is away', () => {
  let server: RedisServer;
  let ioredis: Redis;

  beforeEach(async () => {
    server = await RedisServer.start();
    ioredis = new Redis({
      port: server.port,
      host: '127.0.0.1',
      retryStrategy: () => 20,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
    });
    ioredis.on('error', () => {});
    await until(() => ioredis.status === 'ready');
  });
  afterEach(async () => {
    ioredis.disconnect();
    server.thaw();
    await server.kill();
  });

  const limiterOf = (options: Partial<RedisRateLimiterOptions>): RedisRateLimiter =>
    new RedisRateLimiter({
      client: fromIoredis(ioredis),
      rate: 1,
      intervalMs: 1_000_000,
      burst: 20,
      mode: 'strict',
      storeTimeoutMs: 50,
      failuresUntilAway: 2,
      probeEveryMs: 100,
      ...options,
    });
  const admittedOf = async (limiter: RedisRateLimiter, calls: number): Promise<number> => {
    let admitted = 0;
    for (let i = 0; i < calls; i++) {
      await limiter.acquire('key').then(
        () => admitted++,
        () => {},
      );
    }
    return admitted;
  };

  it('serves its local share, tells so, and goes back to the store when that is back', async () => {
    const limiter = limiterOf({ localShare: 0.25 });
    const changes: StoreChange[] = [];
    limiter.onStoreChange((change) => changes.push(change));
    await limiter.acquire('key');
    await server.kill();
    expect(await admittedOf(limiter, 30)).toBe(5);
    expect(limiter.stats().store).toBe('away');

    await server.start();
    await until(() => ioredis.status === 'ready');
    await until(async () => {
      await limiter.acquire('key').catch(() => {});
      return limiter.stats().store === 'shared';
    });
    expect(changes).toEqual([
      { from: 'shared', to: 'away' },
      { from: 'away', to: 'shared' },
    ]);
  });

  it.each([
    ['closed', 0],
    ['open', 30],
  ] as const)('is %s if it is told to be', async (whenAway, expected) => {
    const limiter = limiterOf({ whenAway });
    await server.kill();
    expect(await admittedOf(limiter, 30)).toBe(expected);
  });

  it('says when the store is looked for again, if it is closed', async () => {
    const limiter = limiterOf({ whenAway: 'closed' });
    await server.kill();
    await admittedOf(limiter, 3);
    const rejection = await limiter.acquire('key').catch((error: unknown) => error);
    expect(rejection).toMatchObject({ code: 'RATE_LIMITED' });
    expect((rejection as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(120);
  });

  it('pays the timeout of a store that hangs a few times, not for every call', async () => {
    const limiter = limiterOf({ probeEveryMs: 60_000 });
    await limiter.acquire('key');
    server.freeze();
    await admittedOf(limiter, 2);
    const before = limiter.stats();
    await admittedOf(limiter, 1000);
    // Nothing was sent any more, so nothing could be waited for.
    expect(limiter.stats().roundTrips).toBe(before.roundTrips);
    expect(limiter.stats().decidedAway).toBe(before.decidedAway + 1000);
  });

  it('probes with one call at a time when the store may be back', async () => {
    const limiter = limiterOf({});
    await server.kill();
    await admittedOf(limiter, 3);
    await server.start();
    await until(() => ioredis.status === 'ready');
    const { roundTrips } = limiter.stats();
    await new Promise((resolve) => setTimeout(resolve, 150));
    server.freeze();
    await Promise.allSettled(Array.from({ length: 50 }, () => limiter.acquire('key')));
    expect(limiter.stats().roundTrips - roundTrips).toBeLessThanOrEqual(2);
  });

  it('leased, spends what it has, and never more than the limit while the store comes and goes', async () => {
    const limiter = limiterOf({ mode: 'leased', rate: 100, intervalMs: 1000, burst: 50, localShare: 0.5 });
    const start = performance.now();
    let admitted = 0;
    const spend = async (ms: number): Promise<void> => {
      const end = performance.now() + ms;
      while (performance.now() < end) {
        await limiter.acquire('key').then(
          () => admitted++,
          () => new Promise((resolve) => setTimeout(resolve, 2)),
        );
      }
    };
    await spend(300);
    await server.kill();
    await spend(300);
    await server.start();
    await spend(600);
    // What the store forgot when it was killed and the local share come on top, each at most a burst.
    const seconds = (performance.now() - start) / 1000;
    expect(admitted).toBeLessThanOrEqual(50 + 100 * seconds + 50 + 25);
  });
});
