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

describe('a snapshot', { timeout: 30_000 }, () => {
  it('restores every client under another size, order of tiers and limit', () => {
    const tiers = { pro: { rate: 100, burst: 20 }, old: { rate: 1, burst: 9 } };
    const tierOf = (key: string) => (key.startsWith('pro') ? 'pro' : undefined);
    const { clock, limiter } = limiterOf({ tiers, tierOf });
    for (let i = 0; i < 500; i++) limiter.tryAcquire({ key: `client ${i}`, cost: (i % 4) / 2 });
    limiter.tryAcquire({ key: 'pro a', cost: 15 });
    limiter.block('bad', 60_000);
    clock.advanceSync(50);
    const snapshot = structuredClone(limiter.snapshot());

    const { limiter: next } = limiterOf({ maxKeys: 1000, tiers: { pro: tiers.pro }, tierOf }, 9999);
    next.restore(snapshot);
    for (let i = 0; i < 500; i++) {
      expect(next.remaining(`client ${i}`), `client ${i}`).toBeCloseTo(limiter.remaining(`client ${i}`), 5);
    }
    expect(next.remaining('pro a')).toBeCloseTo(10, 5);
    expect(next.retryAfterMs({ key: 'bad' })).toBeCloseTo(limiter.retryAfterMs({ key: 'bad' }), 3);
    expect(next.remaining('unknown')).toBe(2);

    const { limiter: third } = limiterOf({ tiers, tierOf });
    third.restore(next.snapshot());
    expect(third.remaining('pro a')).toBeCloseTo(10, 5);

    next.restore(snapshot, 59_900);
    expect(next.stats().keys).toBe(0);
    expect(next.retryAfterMs({ key: 'bad' })).toBeCloseTo(50, 3);
    next.restore(snapshot, 60_000);
    expect(next.retryAfterMs({ key: 'bad' })).toBe(0);
  });

  it('carries the seed, all 64 bits of it', () => {
    const random = [0.25, 0.75][Symbol.iterator]();
    const { limiter } = limiterOf({ random: () => random.next().value ?? 0 });
    expect(limiter.snapshot().seed).toEqual([2 ** 30, 3 * 2 ** 30]);
  });

  it('gives no client a fresh allowance, not even one without an entry before or after', () => {
    const { limiter } = limiterOf({ rate: 1, burst: 5, maxKeys: 10 });
    const keys = Array.from({ length: 200 }, (_, i) => `client ${i}`);
    for (const key of keys) limiter.tryAcquire({ key, cost: 2 });
    const { limiter: next } = limiterOf({ rate: 1, burst: 5, maxKeys: 1 });
    next.restore(limiter.snapshot());
    for (const key of keys)
      expect(next.remaining(key), key).toBeLessThanOrEqual(limiter.remaining(key) + 1e-6);
  });

  it('is rejected if it is invalid, and then nothing has changed', () => {
    const { limiter } = limiterOf();
    limiter.tryAcquire({ key: 'ann' });
    const snapshot = limiter.snapshot();
    const bad = [
      { ...snapshot, spent: new Float64Array([-1]) },
      { ...snapshot, spent: new Float64Array([1, 2]) },
      { ...snapshot, seed: [1] },
      { ...snapshot, unlisted: [] },
      { ...snapshot, blocked: [] },
      JSON.parse(JSON.stringify(snapshot)),
      null,
    ];
    for (const each of bad) expect(() => limiter.restore(each), `${each}`).toThrow(/snapshot|options/);
    expect(() => limiter.restore(snapshot, Number.NaN)).toThrow(RangeError);
    expect(limiter.remaining('ann')).toBe(1);
  });

  it('has an entry again for every client that had one', () => {
    const { limiter } = limiterOf({ rate: 1e-3, burst: 5, maxKeys: 50_000 });
    for (let i = 0; i < 50_000; i++) limiter.tryAcquire({ key: `client ${i}` });
    for (let i = 0; i < 3; i++) limiter.restore(limiter.snapshot());
    expect(limiter.stats().keys).toBeGreaterThanOrEqual(49_980);
  });
});
