import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllOf, LeakyBucketShaper, PerClientRateLimiter, TokenBucket } from '../src/index.ts';
import { type CostMember, CostSums } from '../src/waiting/cost-sums.ts';

describe('CostSums', () => {
  const operation = fc.record({
    add: fc.boolean(),
    cost: fc.double({ min: 0, max: 10, noNaN: true }),
    at: fc.nat(),
  });

  it('agrees with a list that is walked, through removals anywhere', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 400, size: 'max' }), (operations) => {
        const sums = new CostSums();
        const list: CostMember[] = [];
        for (const { add, cost, at } of operations) {
          if (add || list.length === 0) {
            const member = { cost, position: 0 };
            sums.add(member);
            list.push(member);
          } else {
            const [member] = list.splice(at % list.length, 1);
            if (member !== undefined) sums.remove(member);
          }
          let before = 0;
          const total = list.reduce((sum, member) => sum + member.cost, 0);
          expect(sums.total).toBeCloseTo(total, 9);
          const wanted = total * 0.6;
          for (const member of list) {
            if (before + member.cost >= wanted) break;
            before += member.cost;
          }
          expect(sums.before(wanted)).toBeCloseTo(before, 9);
        }
      }),
    );
  });

  it('is exactly 0 when it is empty again, whatever fractions went through it', () => {
    const sums = new CostSums();
    for (let round = 0; round < 1000; round++) {
      const members = [0.1, 0.7, 1.1, 0.4].map((cost) => ({ cost, position: 0 }));
      for (const member of members) sums.add(member);
      for (const member of members) sums.remove(member);
    }
    expect(sums.total).toBe(0);
  });

  it('keeps its size while members pass through it, however long the first one stays', () => {
    const sums = new CostSums();
    sums.add({ cost: 1, position: 0 });
    let highest = 0;
    for (let i = 0; i < 10_000; i++) {
      const member = { cost: 1, position: 0 };
      sums.add(member);
      highest = Math.max(highest, member.position);
      sums.remove(member);
    }
    expect(highest).toBeLessThan(32);
  });
});

/** Milliseconds of `count` runs, the best of three. */
function fastest(count: number, run: () => void): number {
  const times = [1, 2, 3].map(() => {
    const start = performance.now();
    for (let i = 0; i < count; i++) run();
    return performance.now() - start;
  });
  return Math.min(...times);
}

/** A shaper whose bucket is full with `queued` calls. */
function fullShaper(queued: number): LeakyBucketShaper {
  const clock = new VirtualClock();
  const shaper = new LeakyBucketShaper({ rate: 1e-3, capacity: queued, maxQueue: queued + 1, clock });
  for (let i = 0; i <= queued; i++) shaper.acquire({ cost: 1 }).catch(() => {});
  return shaper;
}

describe('rejecting a call', { timeout: 120_000 }, () => {
  it('costs a shaper about the same with 100 as with 100 000 queued calls', () => {
    const [few, many] = [100, 100_000].map(fullShaper) as [LeakyBucketShaper, LeakyBucketShaper];
    // It needs all but one of the queued calls to leave.
    const reject = (shaper: LeakyBucketShaper) => (): void => {
      const { queuedCost } = shaper.stats();
      if (shaper.check({ cost: queuedCost })?.code !== 'QUEUE_FULL') expect.fail('was not rejected');
    };
    reject(few)();
    const [fewMs, manyMs] = [fastest(2000, reject(few)), fastest(2000, reject(many))];
    // Walking the queue would cost a thousand times as much.
    expect(manyMs).toBeLessThan(20 * fewMs + 50);
  });

  it.each([
    [
      'a bucket',
      () => new TokenBucket({ rate: 1e-3, burst: 1, maxQueue: 100_000, clock: new VirtualClock() }),
    ],
    [
      'an AllOf',
      () => {
        const clock = new VirtualClock();
        const limits = [new TokenBucket({ rate: 1e-3, burst: 1, clock })];
        return new AllOf({ limits, maxQueue: 100_000, clock });
      },
    ],
  ])(
    'costs %s with 100 000 queued calls a few microseconds, and so does cancelling one',
    async (_, create) => {
      const limiter = create();
      limiter.tryAcquire();
      const controllers = Array.from({ length: 100_000 }, () => {
        const controller = new AbortController();
        limiter.acquire({ signal: controller.signal }).catch(() => {});
        return controller;
      });
      expect(limiter.stats().queued).toBe(100_000);
      expect(fastest(2000, () => limiter.tryAcquire())).toBeLessThan(200);
      expect(fastest(2000, () => limiter.check())).toBeLessThan(200);
      const next = controllers[Symbol.iterator]();
      next.next();
      expect(fastest(2000, () => next.next().value?.abort())).toBeLessThan(400);
      expect(limiter.stats().queued).toBe(94_000);
      await limiter.close({ withinMs: 0 });
    },
  );

  it('costs a per-client limiter the same for a full table, a hundred counters and blocked clients', () => {
    const create = (maxKeys: number, maxOffenders: number) => {
      const limiter = new PerClientRateLimiter({
        rate: 1e-6,
        burst: 1,
        maxKeys,
        maxOffenders,
        clock: new VirtualClock(),
      });
      for (let i = 0; i < maxKeys * 2; i++) limiter.tryAcquire({ key: `user ${i}` });
      for (let i = 0; i < maxKeys / 10; i++) limiter.block(`blocked ${i}`, 1e9);
      let i = 0;
      return () => void limiter.tryAcquire({ key: `user ${i++ % 50}` });
    };
    const [small, large] = [create(100, 0), create(100_000, 100)];
    expect(fastest(20_000, large)).toBeLessThan(10 * fastest(20_000, small) + 100);
  });
});
