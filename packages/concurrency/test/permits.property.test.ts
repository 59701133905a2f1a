import type { Permit } from '@bp/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

const costs = fc.constantFrom(1.1, 0.4, 0.1, 0.7, 1 / 3, 2 / 3, 1, 3, 0.57, 1e-9);

describe('permits of fractional cost', () => {
  it('are all free again after 5000 random calls: cost 9 fits beside cost 1', () => {
    const limiter = new ConcurrencyLimiter({ limit: 10 });
    const held: Permit[] = [];
    // One permit is always held: the sum is never reset by an idle limiter.
    const one = limiter.tryAcquire() as Permit;
    let state = 1;
    for (let i = 0; i < 5000; i++) {
      // Numerical Recipes' generator.
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const permit = limiter.tryAcquire({ cost: state % 2 === 0 ? 1.1 : 0.4 });
      if (permit !== undefined) held.push(permit);
      if (permit === undefined || state % 3 === 0)
        held.splice(state % Math.max(1, held.length), 1)[0]?.release();
    }
    for (const permit of held) permit.release();
    expect(limiter.stats().active).toBe(1);
    expect(limiter.tryAcquire({ cost: 9 })).toBeDefined();
    expect(limiter.tryAcquire({ cost: 1e-9 })).toBeUndefined();
    one.release();
  });

  it('never drift, and never exceed the limit by more than the rounding', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.record({ cost: costs, release: fc.nat(5) }), { minLength: 50, maxLength: 400 }),
        (limit, steps) => {
          const limiter = new ConcurrencyLimiter({ limit });
          const held: { cost: number; permit: Permit }[] = [];
          const sum = (): number => held.reduce((total, { cost }) => total + cost, 0);
          for (const { cost, release } of steps) {
            const permit = limiter.tryAcquire({ cost });
            // A millionth of a permit is the smallest difference that counts.
            if (permit === undefined) expect(sum() + cost).toBeGreaterThan(limit - 1e-3);
            else held.push({ cost, permit });
            expect(sum()).toBeLessThan(limit + 1e-3);
            expect(limiter.stats().active).toBeCloseTo(sum(), 3);
            if (release > 2) held.splice(release % held.length || 0, 1)[0]?.permit.release();
          }
          for (const { permit } of held) permit.release();
          expect(limiter.stats().active).toBe(0);
          expect(limiter.tryAcquire({ cost: limit }), 'the whole limit').toBeDefined();
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    [0.1, 10, 1],
    [2 / 3, 3, 2],
    [1 / 3, 9, 3],
    [0.57, 100, 57],
    [1.1, 10, 11],
  ])('of cost %d fit %d times into a limit of %d', (cost, times, limit) => {
    const limiter = new ConcurrencyLimiter({ limit });
    for (let i = 0; i < times; i++) expect(limiter.tryAcquire({ cost }), `the ${i}th`).toBeDefined();
    expect(limiter.tryAcquire({ cost: 0.001 })).toBeUndefined();
  });
});
