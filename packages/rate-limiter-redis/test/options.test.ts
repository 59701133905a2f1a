import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RedisRateLimiter, type RedisRateLimiterOptions } from '../src/index.ts';
import { FakeStore } from './fake-store.ts';

const client = { command: () => Promise.resolve() };

describe('options', () => {
  it.each<[RedisRateLimiterOptions, RegExp]>([
    [{ client, rate: 0 }, /rate must be a finite number above 0, got 0/],
    [{ client, rate: 1, intervalMs: -1 }, /intervalMs/],
    [{ client, rate: 1, burst: 0 }, /burst/],
    [{ client, rate: 1, burst: 0.5 }, /burst must be at least 1, the cost of a plain call, got 0.5/],
    [
      { client, rate: 10, burst: 10, leaseMs: 950 },
      /leaseMs must be at most \(burst - 1\) \* intervalMs \/ rate = 900, .* got 950/,
    ],
    [{ client, rate: 1, mode: 'loose' as never }, /mode must be one of "strict", "leased"/],
    [{ client, rate: 1, whenUnavailable: 'maybe' as never }, /whenUnavailable must be one of/],
    [{ client, rate: 1, localShare: 1.5 }, /localShare/],
    [{ client, rate: 1, localStart: 'half' as never }, /localStart must be one of "full", "empty"/],
    [{ client, rate: 1, storeTimeoutMs: 0 }, /storeTimeoutMs/],
    [{ client, rate: 1, consecutiveFailures: 0 }, /consecutiveFailures/],
    [{ client, rate: 1, probeIntervalMs: 0 }, /probeIntervalMs/],
    [{ client, rate: 1, maxKeys: 0 }, /maxKeys/],
    [{ client, rate: 1, maxQueue: 0 }, /maxQueue/],
    [{ client, rate: 1, prefix: 'x'.repeat(101) }, /prefix/],
    [{ client: {} as never, rate: 1 }, /client.command must be a function/],
    [{ rate: 1 } as never, /client must be an object/],
    [{ client, rate: 1, maxKey: 3 } as never, /unknown option maxKey: did you mean maxKeys\?/],
    [{ client, rate: 1, whenAway: 'local' } as never, /unknown option whenAway/],
  ])('that make no sense are errors: %j', (options, message) =>
    expect(() => new RedisRateLimiter(options)).toThrow(message),
  );

  it('admit a call of cost 1 with every rate and burst that are accepted', async () => {
    const arbitrary = fc.record({
      rate: fc.double({ min: 0.01, max: 1e6, noNaN: true }),
      intervalMs: fc.integer({ min: 1, max: 1e7 }),
      burst: fc.option(fc.double({ min: 1, max: 1e6, noNaN: true }), { nil: undefined }),
      mode: fc.constantFrom('strict' as const, 'leased' as const),
    });
    await fc.assert(
      fc.asyncProperty(arbitrary, async (options) => {
        const clock = new VirtualClock();
        const limiter = new RedisRateLimiter({ client: new FakeStore(clock, () => 0), clock, ...options });
        expect(limiter.maxCost()).toBeGreaterThanOrEqual(1);
        await limiter.acquire();
        await limiter.acquire({ key: 'key', cost: limiter.maxCost() });
      }),
    );
  });
});
