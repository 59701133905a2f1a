import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromIoredis, RedisRateLimiter, type RedisRateLimiterOptions } from '../src/index.ts';
import { missingRedis, RedisServer } from './redis-server.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(missingRedis !== undefined)('RedisRateLimiter, leased', () => {
  let server: RedisServer;
  let ioredis: Redis;

  beforeAll(async () => {
    server = await RedisServer.start();
    ioredis = new Redis({ port: server.port, host: '127.0.0.1' });
  });
  afterAll(async () => {
    ioredis.disconnect();
    await server.kill();
  });

  const limiterOf = (options: Omit<RedisRateLimiterOptions, 'client'>): RedisRateLimiter =>
    new RedisRateLimiter({ client: fromIoredis(ioredis), ...options });

  /** Asks as fast as it can until told to stop, and notes when each permit was spent. */
  async function greedy(
    limiter: RedisRateLimiter,
    key: string,
    spent: number[],
    until: number,
  ): Promise<void> {
    while (performance.now() < until) {
      await limiter.acquire(key).then(
        () => spent.push(performance.now()),
        () => pause(1),
      );
    }
  }

  /** The most that was spent above burst + rate * window, over every window that begins and ends with a permit. */
  function excess(spent: readonly number[], burst: number, ratePerMs: number): number {
    let worst = Number.NEGATIVE_INFINITY;
    let lowest = Number.POSITIVE_INFINITY;
    [...spent]
      .sort((a, b) => a - b)
      .forEach((at, index) => {
        lowest = Math.min(lowest, index - ratePerMs * at);
        worst = Math.max(worst, index + 1 - ratePerMs * at - lowest);
      });
    return worst - burst;
  }

  it('never passes the limit, whatever several instances spend', async () => {
    const instances = Array.from({ length: 3 }, () => limiterOf({ rate: 500, burst: 100 }));
    const spent: number[] = [];
    const until = performance.now() + 1500;
    await Promise.all(instances.map((limiter) => greedy(limiter, 'hot', spent, until)));
    expect(excess(spent, 100, 0.5)).toBeLessThanOrEqual(0);
    // And it is not by rejecting everybody: what is lent and not spent comes back.
    expect(spent.length).toBeGreaterThan(300);
  });

  it('makes at least 50 decisions a round trip at a steady 1000 per second', async () => {
    const limiter = limiterOf({ rate: 2000, burst: 2000 });
    const end = performance.now() + 2000;
    let due = performance.now();
    while (performance.now() < end) {
      const now = performance.now();
      for (; due <= now; due += 1) await limiter.acquire('steady');
      await pause(2);
    }
    const { admitted, rejected, roundTrips } = limiter.stats();
    expect(rejected).toBe(0);
    expect(admitted / roundTrips).toBeGreaterThan(50);
  });

  it('asks the store once for everybody who waits for the same permits', async () => {
    const limiter = limiterOf({ rate: 1000, burst: 1000 });
    await Promise.all(Array.from({ length: 20 }, () => limiter.acquire('together')));
    expect(limiter.stats().roundTrips).toBeLessThan(20);
  });

  it('answers from memory while the store has said that there is nothing', async () => {
    const limiter = limiterOf({ rate: 1, intervalMs: 1_000_000, burst: 2 });
    await limiter.acquire('empty');
    const answers = await Promise.allSettled(Array.from({ length: 100 }, () => limiter.acquire('empty')));
    expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
    expect(limiter.stats().roundTrips).toBe(2);
  });

  it('remembers at most maxKeys keys and decides the others by the store', async () => {
    const limiter = limiterOf({ rate: 1, intervalMs: 1_000_000, burst: 4, maxKeys: 3 });
    for (let i = 0; i < 20; i++) await limiter.acquire(`many-${i}`, { cost: 1 });
    expect(limiter.stats().keys).toBeLessThanOrEqual(3);
    // One permit of two is left for each, remembered or not.
    for (let i = 0; i < 20; i++) await limiter.acquire(`many-${i}`);
    for (let i = 0; i < 20; i++) {
      await expect(limiter.acquire(`many-${i}`)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    }
  });
});
