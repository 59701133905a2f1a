import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PerClientRateLimiter, TokenBucket } from '../src/index.ts';
import { admits } from './admits.ts';

const TIERS = {
  fast: { rate: 1000, burst: 100 },
  none: { rate: 0 },
  open: { rate: Number.POSITIVE_INFINITY },
};

/** A bucket and a client, with the same methods. */
function blockables(startMs = 0) {
  const clock = new VirtualClock(startMs);
  const bucket = new TokenBucket({ rate: 10, burst: 10, clock });
  let tier: string | undefined;
  const users = new PerClientRateLimiter({ rate: 10, burst: 10, tiers: TIERS, tierOf: () => tier, clock });
  return {
    clock,
    users,
    setTier: (name: string | undefined) => (tier = name),
    limits: {
      bucket: { limit: bucket, block: (ms: number) => bucket.block(ms), reset: () => bucket.reset() },
      client: {
        limit: users.client('ann'),
        block: (ms: number) => users.block('ann', ms),
        reset: () => users.reset('ann'),
      },
    },
    setLimit: (change: { rate?: number; burst?: number }) => {
      bucket.setLimit(change);
      users.setLimit(change);
    },
  };
}

describe.each(['bucket', 'client'] as const)('a block of a %s', (name) => {
  it('lasts exactly as long as it says, whatever the cost, and the tokens come back meanwhile', () => {
    const { clock, limits } = blockables();
    const { limit, block } = limits[name];
    limit.tryAcquire({ cost: 10 });
    block(60_000);
    for (const cost of [0, 1, 10]) expect(limit.retryAfterMs({ cost })).toBe(60_000);
    clock.advanceSync(59_999.999);
    expect(limit.tryAcquire({ cost: 0 })).toBe(false);
    clock.jumpTo(60_000);
    expect(limit.tryAcquire({ cost: 10 })).toBe(true);
    expect(limit.tryAcquire()).toBe(false);
  });

  it('ends before the debt if it is shorter, and then changes nothing', () => {
    const { clock, limits } = blockables();
    const { limit, block } = limits[name];
    limit.tryAcquire({ cost: 10 });
    block(20);
    expect(limit.retryAfterMs({ cost: 1 })).toBe(100);
    clock.advanceSync(100);
    expect(limit.tryAcquire({ cost: 1 })).toBe(true);
  });

  it('is not shortened by a change of the limit, nor by a shorter block', () => {
    const { clock, limits, setLimit } = blockables();
    const { limit, block } = limits[name];
    block(60_000);
    for (const rate of [1000, 0.001, Number.POSITIVE_INFINITY, 10]) {
      setLimit({ rate });
      clock.advanceSync(100);
    }
    block(1);
    expect(limit.retryAfterMs()).toBe(59_600);
    block(60_000);
    expect(limit.retryAfterMs()).toBe(60_000);
  });

  it('lasts for ever if its duration is Infinity, until reset', () => {
    const { clock, limits } = blockables();
    const { limit, block, reset } = limits[name];
    block(Number.POSITIVE_INFINITY);
    clock.advanceSync(1e12);
    expect(limit.retryAfterMs()).toBe(Number.POSITIVE_INFINITY);
    expect(limit.check()).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: Number.POSITIVE_INFINITY });
    reset();
    expect(limit.tryAcquire({ cost: 10 })).toBe(true);
  });

  it('counts a call ahead only from its end on', () => {
    const { limits } = blockables();
    const { limit, block } = limits[name];
    block(60_000);
    expect(limit.retryAfterMs({ cost: 10 }, undefined, 10)).toBe(61_000);
  });

  it('of 0 ms blocks nothing, and one that is no duration is a RangeError', () => {
    const { limits } = blockables();
    const { limit, block } = limits[name];
    block(0);
    expect(limit.tryAcquire()).toBe(true);
    for (const ms of [-1, Number.NaN]) expect(() => block(ms)).toThrow(RangeError);
  });

  it('admits at its end and not before, on a clock of any reading', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1.8e12, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e9, noNaN: true }),
        (start, ms) => {
          const { limits } = blockables(start);
          const { limit, block } = limits[name];
          block(ms);
          const wait = limit.retryAfterMs();
          expect(admits(limit, {}, start + wait)).toBe(true);
          expect(wait).toBeGreaterThanOrEqual(ms - start * 2 ** -52);
          expect(wait).toBeLessThanOrEqual(ms + start * 2 ** -51 + ms * 2 ** -51);
        },
      ),
    );
  });
});

describe('a blocked client', () => {
  it('stays blocked when it changes its tier', () => {
    const { users, setTier } = blockables();
    users.block('ann', 60_000);
    for (const tier of ['fast', 'none', 'open', undefined]) {
      setTier(tier);
      const never = tier === 'none';
      expect(users.retryAfterMs({ key: 'ann' })).toBe(never ? Number.POSITIVE_INFINITY : 60_000);
    }
    expect(users.tryAcquire({ key: 'bob' })).toBe(true);
  });

  it('stays blocked in a snapshot, for ever too', () => {
    const { clock, users } = blockables();
    users.block('ann', 60_000);
    users.block('eve', Number.POSITIVE_INFINITY);
    users.block('bob', 1000);
    clock.advanceSync(5000);
    const snapshot = structuredClone(users.snapshot());
    expect([...snapshot.blockedForMs].sort()).toEqual([55_000, Number.POSITIVE_INFINITY]);
    const { users: next } = blockables(12_345);
    next.restore(snapshot, 5000);
    expect(['ann', 'eve', 'bob'].map((key) => next.retryAfterMs({ key }))).toEqual([
      50_000,
      Number.POSITIVE_INFINITY,
      0,
    ]);
    const bad = { ...snapshot, blockedForMs: new Float64Array([1]) };
    expect(() => next.restore(bad)).toThrow(/snapshot/);
  });

  it('stays blocked in the snapshot of a bucket, through JSON', () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 10, clock });
    for (const ms of [60_000, Number.POSITIVE_INFINITY]) {
      bucket.block(ms);
      const next = new TokenBucket({ rate: 10, clock });
      next.restore(JSON.parse(JSON.stringify(bucket.snapshot())), 5000);
      expect(next.retryAfterMs()).toBe(ms - 5000);
    }
    expect(() => bucket.restore({ spent: 1, blockedForMs: -5 })).toThrow(RangeError);
    bucket.restore({ spent: 0 });
    expect(bucket.tryAcquire()).toBe(true);
  });

  it('is forgotten only for one that is blocked for longer, when there are more than maxKeys', () => {
    const clock = new VirtualClock();
    const users = new PerClientRateLimiter({ rate: 1, maxKeys: 100, clock });
    for (let i = 0; i < 100; i++) users.block(`user ${i}`, 1000 + i);
    users.block('more', 5000);
    users.block('short', 10);
    const blocked = (key: string) => users.retryAfterMs({ key }) > 0;
    expect([blocked('user 0'), blocked('user 1'), blocked('more'), blocked('short')]).toEqual([
      false,
      true,
      true,
      false,
    ]);
    clock.advanceSync(1050);
    for (let i = 0; i < 50; i++) users.block(`late ${i}`, 1);
    expect(blocked('user 99')).toBe(true);
  });
});
