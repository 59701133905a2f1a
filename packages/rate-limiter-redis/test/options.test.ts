import { describe, expect, it } from 'vitest';
import { RedisRateLimiter, type RedisRateLimiterOptions } from '../src/index.ts';

const client = { command: () => Promise.resolve() };

describe('options that make no sense', () => {
  it.each<[RedisRateLimiterOptions, RegExp]>([
    [{ client, rate: 0 }, /rate must be a finite number above 0, got 0/],
    [{ client, rate: 1, intervalMs: -1 }, /intervalMs/],
    [{ client, rate: 1, burst: 0 }, /burst/],
    [
      { client, rate: 10, burst: 10, leaseMs: 1000 },
      /leaseMs must be below burst \* intervalMs \/ rate = 1000/,
    ],
    [{ client, rate: 1, mode: 'loose' as never }, /mode must be one of "strict", "leased"/],
    [{ client, rate: 1, whenAway: 'maybe' as never }, /whenAway must be one of/],
    [{ client, rate: 1, localShare: 1.5 }, /localShare/],
    [{ client, rate: 1, storeTimeoutMs: 0 }, /storeTimeoutMs/],
    [{ client, rate: 1, failuresUntilAway: 0 }, /failuresUntilAway/],
    [{ client, rate: 1, maxKeys: 0 }, /maxKeys/],
    [{ client, rate: 1, prefix: 'x'.repeat(101) }, /prefix/],
    [{ client: {} as never, rate: 1 }, /client.command must be a function/],
    [{ rate: 1 } as never, /options must be an object/],
  ])('%j', (options, message) => expect(() => new RedisRateLimiter(options)).toThrow(message));
});
