import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { PerClientRateLimiter, type PerClientRateLimiterOptions } from '../src/index.ts';

function limiterOf(options: Partial<PerClientRateLimiterOptions> = {}, startMs = 0) {
  const clock = new VirtualClock(startMs);
  return {
    clock,
    limiter: new PerClientRateLimiter({ rate: 10, burst: 2, clock, name: 'users', ...options }),
  };
}

describe('tiers', () => {
  const tiers = { pro: { rate: 100, burst: 20 }, slow: { rate: 1, burst: 2 }, banned: { rate: 0 } };

  it('give clients the limit of their tier, and all others the common one', () => {
    const { limiter } = limiterOf({ tiers, tierOf: (key) => key.split('-')[0] });
    expect(
      ['pro-a', 'slow-a', 'banned-a', '__proto__-a', 'a'].map((key) => limiter.maxCost({ key })),
    ).toEqual([20, 2, 0, 2, 2]);
    expect(limiter.tryAcquire({ key: 'pro-a', cost: 20 })).toBe(true);
    expect(limiter.retryAfterMs({ key: 'pro-a' })).toBe(10);
    limiter.tryAcquire({ key: 'slow-a', cost: 2 });
    expect(limiter.retryAfterMs({ key: 'slow-a' })).toBe(1000);
    expect(limiter.tryAcquire({ key: 'banned-a' })).toBe(false);
    expect(limiter.tryAcquire({ key: 'a', cost: 3 })).toBe(false);
  });

  it('keep the spent tokens when a client changes its tier', () => {
    let tier = 'pro';
    const { clock, limiter } = limiterOf({ tiers, tierOf: () => tier });
    limiter.tryAcquire({ key: 'ann', cost: 19 });
    tier = 'slow';
    expect(limiter.remaining('ann')).toBe(0);
    const retryAfterMs = limiter.retryAfterMs({ key: 'ann' });
    expect(retryAfterMs).toBe(18_000);
    clock.advanceSync(retryAfterMs - 1);
    expect(limiter.tryAcquire({ key: 'ann' }), 'exact although it was asked before').toBe(false);
    clock.advanceSync(1);
    expect(limiter.tryAcquire({ key: 'ann' })).toBe(true);
    tier = 'pro';
    expect(limiter.remaining('ann')).toBe(18);
  });

  it('can be changed one by one: spent tokens stay spent', () => {
    const { limiter } = limiterOf({ tiers, tierOf: (key) => key });
    for (const key of ['pro', 'slow', 'none']) limiter.tryAcquire({ key, cost: 2 });
    limiter.setLimit({ rate: 10, burst: 10 }, 'slow');
    expect(['pro', 'slow', 'none'].map((key) => limiter.remaining(key))).toEqual([18, 8, 0]);
    limiter.setLimit({ burst: 5 });
    expect(['pro', 'slow', 'none'].map((key) => limiter.remaining(key))).toEqual([18, 8, 3]);
    expect(limiter.retryAfterMs({ key: 'none', cost: 4 })).toBe(100);
    expect(() => limiter.setLimit({ rate: 1 }, 'nope')).toThrow(/tier must be one of tiers/);
    expect(() => limiter.setLimit({ rate: -1 }, 'pro')).toThrow(RangeError);
    expect(limiter.maxCost({ key: 'pro' })).toBe(20);
  });
});
