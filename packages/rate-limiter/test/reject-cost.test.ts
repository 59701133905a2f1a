import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countWork } from '../../../.config/work.ts';
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

const SMALL = 1_000;
const LARGE = 16_000;

/** 16 times more calls or clients cost a logarithmic operation 4 levels more, and a linear one 16 times more. */
function expectLogarithmic(workOf: (count: number) => number): void {
  const small = workOf(SMALL);
  const large = workOf(LARGE);
  expect(small).toBeGreaterThan(0);
  expect(large, `${small} for ${SMALL}, ${large} for ${LARGE}`).toBeLessThan(4 * small + 200);
}

const limiters: Readonly<Record<string, (maxQueue: number) => TokenBucket | AllOf>> = {
  'a bucket': (maxQueue) => new TokenBucket({ rate: 1e-3, burst: 1, maxQueue, clock: new VirtualClock() }),
  'an AllOf': (maxQueue) => {
    const clock = new VirtualClock();
    return new AllOf({ limits: [new TokenBucket({ rate: 1e-3, burst: 1, clock })], maxQueue, clock });
  },
};

/** A limiter with `count` queued calls, and what cancels each of them. */
function queued(create: (maxQueue: number) => TokenBucket | AllOf, count: number) {
  const limiter = create(count);
  limiter.tryAcquire();
  const controllers = Array.from({ length: count }, () => {
    const controller = new AbortController();
    limiter.acquire({ signal: controller.signal }).catch(() => {});
    return controller;
  });
  expect(limiter.stats().queued).toBe(count);
  return { limiter, controllers };
}

it('a loop over n queued calls counts as n', () => {
  const bucket = new TokenBucket({ rate: 1e-3, burst: 1, clock: new VirtualClock() });
  bucket.tryAcquire();
  for (let i = 0; i < SMALL; i++) bucket.acquire().catch(() => {});
  expect(countWork(() => bucket.setLimit({ burst: 0.5 }))).toBeGreaterThan(SMALL);
});

describe('rejecting a call costs O(log n)', () => {
  it('for a shaper whose bucket is full', () => {
    expectLogarithmic((count) => {
      const clock = new VirtualClock();
      const shaper = new LeakyBucketShaper({ rate: 1e-3, capacity: count, maxQueue: count + 1, clock });
      for (let i = 0; i <= count; i++) shaper.acquire({ cost: 1 }).catch(() => {});
      // It needs all but one of the queued calls to leave.
      const { queuedCost } = shaper.stats();
      return countWork(() => expect(shaper.check({ cost: queuedCost })?.code).toBe('QUEUE_FULL'));
    });
  });

  describe.each(Object.entries(limiters))('for %s with a full queue', (_, create) => {
    it('in tryAcquire and check', () => {
      expectLogarithmic((count) => {
        const { limiter } = queued(create, count);
        return countWork(() => {
          expect(limiter.tryAcquire()).toBe(false);
          expect(limiter.check()?.code).toBe('RATE_LIMITED');
        });
      });
    });

    it('when the call waits and is cancelled, first in the queue or not', () => {
      expectLogarithmic((count) => {
        const { limiter, controllers } = queued(create, count);
        const work = countWork(() => {
          for (const at of [0, 1, count / 2, count - 1]) controllers[at]?.abort();
        });
        expect(limiter.stats().queued).toBe(count - 4);
        return work;
      });
    });
  });

  it('for a per-client limiter with a full table, a hundred counters and blocked clients', () => {
    expectLogarithmic((count) => {
      const clock = new VirtualClock();
      const options = { rate: 1e-6, burst: 1, maxKeys: count, maxOffenders: 100, clock };
      const limiter = new PerClientRateLimiter(options);
      for (let i = 0; i < count * 2; i++) limiter.tryAcquire({ key: `user ${i}` });
      for (let i = 0; i < count / 10; i++) limiter.block(`blocked ${i}`, 1e9);
      return countWork(() => {
        for (let i = 0; i < 10; i++) expect(limiter.tryAcquire({ key: `user ${i}` })).toBe(false);
        expect(limiter.tryAcquire({ key: 'blocked 0' })).toBe(false);
      });
    });
  });
});
