import { isRejected } from '@bp/core';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromIoredis, fromNodeRedis, type RedisClient, RedisRateLimiter } from '../src/index.ts';
import { missingRedis, RedisServer } from './redis-server.ts';

describe.skipIf(missingRedis !== undefined)('RedisRateLimiter, strict', () => {
  let server: RedisServer;
  let ioredis: Redis;
  let client: RedisClient;
  let keys = 0;
  const freshKey = (): string => `key-${keys++}`;

  beforeAll(async () => {
    server = await RedisServer.start();
    ioredis = new Redis({ port: server.port, host: '127.0.0.1' });
    client = fromIoredis(ioredis);
  });
  afterAll(async () => {
    ioredis.disconnect();
    await server.kill();
  });

  const admittedOf = async (
    limiter: RedisRateLimiter,
    key: string,
    calls: number,
    cost = 1,
  ): Promise<number> => {
    const results = await Promise.allSettled(
      Array.from({ length: calls }, () => limiter.acquire(key, { cost })),
    );
    return results.filter(({ status }) => status === 'fulfilled').length;
  };

  it('admits the burst and not one more, however many instances ask at once', async () => {
    const options = { client, rate: 1, intervalMs: 1_000_000, burst: 25, mode: 'strict' } as const;
    const key = freshKey();
    const instances = Array.from({ length: 4 }, () => new RedisRateLimiter(options));
    const admitted = await Promise.all(instances.map((instance) => admittedOf(instance, key, 20)));
    expect(admitted.reduce((sum, n) => sum + n, 0)).toBe(25);
  });

  it('says when to come back: the time of the next permit, by the clock of the server', async () => {
    const limiter = new RedisRateLimiter({ client, rate: 1, intervalMs: 60_000, burst: 1, mode: 'strict' });
    const key = freshKey();
    await limiter.acquire(key);
    const rejection = await limiter.acquire(key).catch((error: unknown) => error);
    if (!isRejected(rejection, 'RATE_LIMITED')) throw rejection;
    expect(rejection.retryAfterMs).toBeGreaterThan(50_000);
    expect(rejection.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it('counts fractions of a permit', async () => {
    const limiter = new RedisRateLimiter({
      client,
      rate: 1,
      intervalMs: 1_000_000,
      burst: 3,
      mode: 'strict',
    });
    expect(await admittedOf(limiter, freshKey(), 20, 0.25)).toBe(12);
  });

  it('sets an expiry on every key it writes, also for windows below a second, and writes none on rejection', async () => {
    const limiter = new RedisRateLimiter({
      client,
      rate: 1,
      intervalMs: 50,
      burst: 1,
      mode: 'strict',
      prefix: 'ttl:',
    });
    await limiter.acquire('short');
    const ttl = await ioredis.pttl('ttl:short');
    expect(ttl).toBeLessThanOrEqual(51);
    expect(ttl).not.toBe(-1);

    const month = new RedisRateLimiter({
      client,
      rate: 1,
      intervalMs: 30 * 86_400_000,
      burst: 1,
      mode: 'strict',
    });
    const key = freshKey();
    await month.acquire(key);
    expect(await ioredis.pttl(`bp:${key}`)).toBeGreaterThan(29 * 86_400_000);
    const before = await ioredis.get(`bp:${key}`);
    await expect(month.acquire(key)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(await ioredis.get(`bp:${key}`)).toBe(before);
  });

  it('goes on when the server has forgotten the script', async () => {
    const limiter = new RedisRateLimiter({
      client,
      rate: 1,
      intervalMs: 1_000_000,
      burst: 2,
      mode: 'strict',
    });
    const key = freshKey();
    await limiter.acquire(key);
    await ioredis.script('FLUSH');
    await limiter.acquire(key);
    await expect(limiter.acquire(key)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(limiter.stats()).toMatchObject({ store: 'shared', admitted: 2, rejected: 1, roundTrips: 3 });
  });

  it('works the same through node-redis', async () => {
    const nodeRedis = createClient({ url: `redis://127.0.0.1:${server.port}` });
    await nodeRedis.connect();
    try {
      const shared = { rate: 1, intervalMs: 1_000_000, burst: 6, mode: 'strict' } as const;
      const key = freshKey();
      const one = new RedisRateLimiter({ ...shared, client: fromNodeRedis(nodeRedis) });
      const other = new RedisRateLimiter({ ...shared, client });
      expect((await admittedOf(one, key, 4)) + (await admittedOf(other, key, 4))).toBe(6);
    } finally {
      nodeRedis.destroy();
    }
  });

  it('tells what can never be admitted from what cannot be admitted now', async () => {
    const limiter = new RedisRateLimiter({ client, rate: 1, burst: 2, mode: 'strict' });
    await expect(limiter.acquire(freshKey(), { cost: 3 })).rejects.toThrow(RangeError);
    await expect(limiter.acquire(freshKey(), { cost: Number.NaN })).rejects.toThrow(/cost must be above 0/);
    await expect(limiter.acquire('x'.repeat(513))).rejects.toThrow(/key must be/);
    await expect(limiter.acquire('')).rejects.toThrow(/key must be/);
    expect(limiter.stats().roundTrips).toBe(0);
  });

  it('rejects a call that is over, and one that was cancelled while the store was asked', async () => {
    const limiter = new RedisRateLimiter({ client, rate: 1, mode: 'strict' });
    await expect(limiter.acquire(freshKey(), { deadline: 0 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    const controller = new AbortController();
    const asked = limiter.acquire(freshKey(), { signal: controller.signal });
    controller.abort();
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
    await limiter.close();
    await expect(limiter.acquire(freshKey())).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
