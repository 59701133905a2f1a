import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fromIoredis, RedisRateLimiter } from '@bp/rate-limiter-redis';
import { Redis } from 'ioredis';

// Two processes share one limit of 50 permits a second through Redis. Together they never pass it.
const url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const SECONDS = 2;
const RATE = 50;

async function connect(): Promise<Redis> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return redis;
  } catch {
    console.log(
      `There is no Redis at ${url}. Start one (redis-server), or set its address: REDIS_URL=redis://host:port`,
    );
    process.exit(1);
  }
}

/** One process: calls as fast as it can, then sends its stats to the parent. */
async function instance(key: string): Promise<void> {
  const redis = await connect();
  const limiter = new RedisRateLimiter({ client: fromIoredis(redis), rate: RATE, burst: RATE });
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end) {
    await limiter.acquire({ key }).catch(() => new Promise((resolve) => setTimeout(resolve, 5)));
  }
  process.send?.(limiter.stats());
  redis.disconnect();
}

async function main(): Promise<void> {
  (await connect()).disconnect();
  const key = `example-${process.pid}`;
  console.log(`two processes call with one key as fast as they can, for ${SECONDS} seconds`);
  const stats = await Promise.all(
    ['one', 'other'].map(async (name) => {
      const child = fork(new URL(import.meta.url), [key], { execArgv: process.execArgv });
      const [{ admitted, rejected, roundTrips }] = (await once(child, 'message')) as [Record<string, number>];
      console.log(
        `  ${name}: ${admitted} admitted, ${rejected} rejected, ${roundTrips} round trips to Redis`,
      );
      return admitted ?? 0;
    }),
  );
  const total = stats.reduce((sum, n) => sum + n, 0);
  console.log(`together ${total}, at most ${RATE} at once and ${RATE} a second: ${RATE + RATE * SECONDS}`);
}

const [, , key] = process.argv;
await (key === undefined ? main() : instance(key));
