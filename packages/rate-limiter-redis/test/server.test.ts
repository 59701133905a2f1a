import fc from 'fast-check';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fromIoredis,
  fromNodeRedis,
  type RedisClient,
  RedisRateLimiter,
  type RedisRateLimiterOptions,
} from '../src/index.ts';
import { SOURCE } from '../src/store/debit-script.ts';
import { decide } from './fake-store.ts';
import { missingRedis, RedisServer, until } from './redis-server.ts';

describe.skipIf(missingRedis !== undefined)('a real server', () => {
  let server: RedisServer;
  let ioredis: Redis;
  let client: RedisClient;
  let keys = 0;
  const freshKey = (): string => `key-${keys++}`;

  beforeAll(async () => {
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
    client = fromIoredis(ioredis);
  });
  afterAll(async () => {
    ioredis.disconnect();
    await server.kill();
  });

  // On a busy machine a reply may take long; no test is about that.
  const limiterOf = (
    options: Omit<RedisRateLimiterOptions, 'client'> & { client?: RedisClient },
  ): RedisRateLimiter => new RedisRateLimiter({ client, storeTimeoutMs: 10_000, ...options });

  const admittedOf = async (
    limiter: RedisRateLimiter,
    key: string,
    calls: number,
    cost = 1,
  ): Promise<number> => {
    const results = await Promise.allSettled(
      Array.from({ length: calls }, () => limiter.acquire({ key, cost })),
    );
    return results.filter(({ status }) => status === 'fulfilled').length;
  };

  it('decides like the fake store of the other tests', async () => {
    // The same script with the time as an argument, and without an expiry by the server's own time.
    const script = SOURCE.replace("redis.call('TIME')", '{KEYS[2], KEYS[3]}').replace(
      'math.ceil(ahead / 1000) + 1',
      '60000',
    );
    expect(script).toContain('{KEYS[2], KEYS[3]}');
    expect(script).toContain("'PX', 60000)");
    const step = fc.record({
      elapsedMicros: fc.integer({ min: 0, max: 3_000_000 }),
      debt: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 20_000_000 })),
      extra: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 20_000_000 })),
      runs: fc.array(fc.tuple(fc.integer({ min: 1, max: 5_000_000 }), fc.integer({ min: 1, max: 5 })), {
        maxLength: 4,
      }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.array(step, { minLength: 1, maxLength: 8 }),
        async (microsPerUnit, capacity, steps) => {
          const toleranceMicros = capacity * microsPerUnit;
          const key = freshKey();
          let nowMicros = 1_800_000_000_000_000;
          let aheadMicros = 0;
          for (const { elapsedMicros, debt, extra, runs } of steps) {
            nowMicros += elapsedMicros;
            const flat = runs.flat();
            const expected = decide(aheadMicros - elapsedMicros, {
              microsPerUnit,
              toleranceMicros,
              debt,
              extra,
              runs: flat,
            });
            const time = [Math.floor(nowMicros / 1e6), nowMicros % 1e6];
            const args = [
              '3',
              key,
              ...[...time, microsPerUnit, toleranceMicros, debt, extra, ...flat].map(String),
            ];
            const reply = (await client.command(['EVAL', script, ...args])) as [string, string];
            // The server keeps a time to the millionth of a microsecond; that may decide over single units.
            expect(Math.abs(Number(reply[0]) - expected.granted)).toBeLessThanOrEqual(
              expected.granted > 0 ? Math.max(1, 0.01 / microsPerUnit) : 0,
            );
            expect(Math.abs(Number(reply[1]) - expected.aheadMicros)).toBeLessThanOrEqual(
              Math.max(0.01, 2 * microsPerUnit),
            );
            aheadMicros = Number(reply[1]);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('admits the burst and not one more, however many instances ask at once', async () => {
    const options = { rate: 1, intervalMs: 1_000_000, burst: 25, mode: 'strict' } as const;
    const key = freshKey();
    const instances = Array.from({ length: 4 }, () => limiterOf(options));
    const admitted = await Promise.all(instances.map((instance) => admittedOf(instance, key, 20)));
    expect(admitted.reduce((sum, n) => sum + n, 0)).toBe(25);
  });

  it('admits the burst less what may be lent, so that leases never pass the limit', async () => {
    const options = { rate: 1, intervalMs: 1_000_000, burst: 50, leaseMs: 25_000_000 } as const;
    const key = freshKey();
    const instances = Array.from({ length: 4 }, () => limiterOf(options));
    const admitted = await Promise.all(instances.map((instance) => admittedOf(instance, key, 20)));
    expect(admitted.reduce((sum, n) => sum + n, 0)).toBe(25);
  });

  it('counts fractions of a token exactly', async () => {
    const limiter = limiterOf({
      rate: 1,
      intervalMs: 1_000_000,
      burst: 3,
      mode: 'strict',
    });
    expect(await admittedOf(limiter, freshKey(), 20, 0.25)).toBe(12);
    expect(await admittedOf(limiter, freshKey(), 40, 0.1)).toBe(30);
  });

  it('gives the time of the next token by the clock of the server', async () => {
    const limiter = limiterOf({ rate: 1, intervalMs: 60_000, burst: 1, mode: 'strict' });
    const key = freshKey();
    await limiter.acquire({ key });
    const rejection = await limiter.acquire({ key }).catch((error: unknown) => error);
    expect(rejection).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
    const { retryAfterMs } = rejection as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it('sets an expiry on every key it writes, also for windows below a second, and writes none on rejection', async () => {
    const short = limiterOf({
      rate: 1,
      intervalMs: 50,
      burst: 1,
      mode: 'strict',
      prefix: 'ttl:',
    });
    await short.acquire({ key: 'short' });
    const ttl = await ioredis.pttl('ttl:redis-rate-limiter:short');
    expect(ttl).toBeLessThanOrEqual(51);
    expect(ttl).not.toBe(-1);

    const month = limiterOf({
      rate: 1,
      intervalMs: 30 * 86_400_000,
      burst: 1,
      mode: 'strict',
    });
    const key = freshKey();
    const storeKey = `bp:redis-rate-limiter:${key}`;
    await month.acquire({ key });
    expect(await ioredis.pttl(storeKey)).toBeGreaterThan(29 * 86_400_000);
    const before = await ioredis.get(storeKey);
    await expect(month.acquire({ key })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(await ioredis.get(storeKey)).toBe(before);
  });

  it('goes on when the server has forgotten the script', async () => {
    const limiter = limiterOf({
      rate: 1,
      intervalMs: 1_000_000,
      burst: 3,
      mode: 'strict',
    });
    const key = freshKey();
    await limiter.acquire({ key });
    await until(async () => {
      // The digest is computed meanwhile; then the source is not sent any more.
      await limiter.acquire({ key: freshKey() });
      return (await ioredis.info('commandstats')).includes('cmdstat_evalsha');
    });
    await ioredis.script('FLUSH');
    await limiter.acquire({ key });
    await limiter.acquire({ key });
    await expect(limiter.acquire({ key })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(limiter.stats()).toMatchObject({ store: 'available', failedRoundTrips: 0 });
  });

  it('works the same through node-redis', async () => {
    const nodeRedis = createClient({ url: `redis://127.0.0.1:${server.port}` });
    await nodeRedis.connect();
    try {
      const shared = { rate: 1, intervalMs: 1_000_000, burst: 6, mode: 'strict' } as const;
      const key = freshKey();
      const one = limiterOf({ ...shared, client: fromNodeRedis(nodeRedis) });
      const other = limiterOf(shared);
      expect((await admittedOf(one, key, 4)) + (await admittedOf(other, key, 4))).toBe(6);
    } finally {
      nodeRedis.destroy();
    }
  });

  it('decides other keys although one key holds the value of another program, and leaves that value alone', async () => {
    const limiter = limiterOf({
      rate: 1,
      intervalMs: 1_000_000,
      burst: 10,
      mode: 'strict',
    });
    await ioredis.lpush('bp:redis-rate-limiter:list', 'theirs');
    await ioredis.set('bp:redis-rate-limiter:text', 'theirs');
    for (const key of ['list', 'text']) {
      // Each of the two is decided locally, with half of the burst.
      expect(await admittedOf(limiter, key, 10)).toBe(5);
    }
    expect(limiter.stats()).toMatchObject({ store: 'available', failedRoundTrips: 20 });
    expect(await admittedOf(limiter, freshKey(), 12)).toBe(10);
    expect(await ioredis.lrange('bp:redis-rate-limiter:list', 0, -1)).toEqual(['theirs']);
    expect(await ioredis.get('bp:redis-rate-limiter:text')).toBe('theirs');
  });

  it('is unavailable while it is killed, and decides again after a restart', async () => {
    const limiter = limiterOf({
      rate: 1,
      intervalMs: 1_000_000,
      burst: 20,
      mode: 'strict',
      localShare: 0.25,
      probeIntervalMs: 100,
    });
    await server.kill();
    expect(await admittedOf(limiter, 'key', 30)).toBe(5);
    expect(limiter.stats().store).toBe('unavailable');
    await server.start();
    await until(() => ioredis.status === 'ready');
    await until(async () => {
      await limiter.acquire({ key: 'other' }).catch(() => {});
      return limiter.stats().store === 'available';
    });
    expect(await admittedOf(limiter, freshKey(), 30)).toBe(20);
  });
});
