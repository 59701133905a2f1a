import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter, type ConcurrencyLimiterOptions } from '../src/index.ts';

describe('options that make no sense', () => {
  it.each<[ConcurrencyLimiterOptions, RegExp]>([
    [{ limit: 0 }, /limit must be an integer of at least 1, got 0 \(number\)/],
    [{ limit: 1.5 }, /limit/],
    [{ limit: '5' as never }, /limit must be an integer of at least 1, got "5" \(string\)/],
    [{ limit: 1, maxQueue: -1 }, /maxQueue must be an integer of at least 0, got -1/],
    [{ limit: 1, maxQueue: Number.NaN }, /maxQueue/],
    [{ limit: 1, maxWaitMs: 0 }, /maxWaitMs must be a finite number above 0, got 0/],
    [
      { limit: 1, maxQueue: 1, maxWaitMs: Number.MAX_SAFE_INTEGER },
      /maxWaitMs must be a number .* at most ten years/,
    ],
    [{ limit: 1, maxWaitMs: 50 }, /maxWaitMs needs a queue: maxQueue must be at least 1, got 0/],
    [{ limit: 1, fair: true }, /fair needs a queue/],
    [{ limit: 1, sojourn: {} }, /sojourn needs a queue/],
    [{ limit: 1, maxQueue: 1, sojourn: { targetMs: 0 } }, /sojourn.targetMs/],
    [
      { limit: 1, loopYielding: 'never' as never },
      /loopYielding must be one of "queued", "always", got "never"/,
    ],
    [{ limit: 1, loopBudget: 5 as never }, /loopBudget.allows must be a function/],
    [{ limit: 1, name: 'x'.repeat(101) }, /name/],
    [{ limit: 1, clock: {} as never }, /clock/],
    [{ limit: 1, queue: 3 } as never, /unknown option queue: did you mean maxQueue\?/],
    [undefined as never, /options must be an object/],
  ])('%j', (options, message) => expect(() => new ConcurrencyLimiter(options)).toThrow(message));

  it('leaves a call in the queue for years with the longest maxWaitMs', async () => {
    const clock = new VirtualClock();
    const tenYears = 10 * 365.25 * 24 * 3600 * 1000;
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 1, maxWaitMs: tenYears, clock });
    const held = await limiter.acquire();
    const call = limiter.execute(() => 'runs');
    await clock.advance(1000);
    held.release();
    await expect(call).resolves.toBe('runs');
  });

  it('accepts fair: false without a queue', () => {
    expect(new ConcurrencyLimiter({ limit: 1, fair: false }).stats().maxQueue).toBe(0);
  });
});
