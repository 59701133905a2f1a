import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PriorityRanks } from '../src/gates/load/priority-ranks.ts';

function see(ranks: PriorityRanks, priority: number, now: number): number {
  const share = ranks.below(priority, now);
  ranks.count(priority, now);
  return share;
}

describe('PriorityRanks', () => {
  it('has no lower priorities while all are equal', () => {
    const ranks = new PriorityRanks();
    for (let now = 0; now < 1000; now++) expect(see(ranks, 5, now)).toBe(0);
  });

  it('is the share of recent requests that were less important', () => {
    const ranks = new PriorityRanks();
    for (let now = 0; now < 3000; now++) {
      see(ranks, 0, now);
      see(ranks, 0, now);
      see(ranks, 0, now);
      see(ranks, 2, now);
    }
    expect(see(ranks, 0, 3000)).toBe(0);
    expect(see(ranks, 2, 3000)).toBeCloseTo(0.75, 2);
    expect(see(ranks, 1, 3000), 'one never seen before').toBeCloseTo(0.75, 2);
    expect(see(ranks, 9, 3000), 'one never seen before').toBeCloseTo(1, 2);
  });

  it('is the share that was more important, too', () => {
    const ranks = new PriorityRanks();
    for (let now = 0; now < 3000; now++) {
      for (const priority of [0, 1, 1, 2]) ranks.count(priority, now);
    }
    expect(ranks.above(2, 3000)).toBe(0);
    expect(ranks.above(1, 3000)).toBeCloseTo(0.25, 2);
    expect(ranks.above(0, 3000)).toBeCloseTo(0.75, 2);
    expect(ranks.above(-1, 3000), 'one never seen before').toBeCloseTo(1, 2);
  });

  it('forgets within seconds', () => {
    const ranks = new PriorityRanks();
    for (let now = 0; now < 1000; now++) see(ranks, 0, now);
    for (let now = 20_000; now < 21_000; now++) see(ranks, 1, now);
    expect(see(ranks, 1, 21_000)).toBe(0);
  });

  it('never ranks a lower priority above a higher one, whatever came before', () => {
    const calls = fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: 0, max: 300 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(calls, fc.integer({ min: -6, max: 6 }), fc.integer({ min: -6, max: 6 }), (seen, a, b) => {
        const ranks = new PriorityRanks();
        let now = 0;
        for (const [priority, pauseMs] of seen) {
          now += pauseMs;
          const share = see(ranks, priority, now);
          expect(share >= 0 && share <= 1, `share ${share}`).toBe(true);
        }
        now += 1000;
        see(ranks, 0, now);
        now += 1000;
        const [low, high] = [see(ranks, Math.min(a, b), now), see(ranks, Math.max(a, b), now)];
        expect(low).toBeLessThanOrEqual(high + 1e-9);
      }),
    );
  });

  it('ranks as a plain count of all requests does, in each refresh', () => {
    const priorities = fc.array(fc.integer({ min: -300, max: 300 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(priorities, fc.integer({ min: -301, max: 301 }), (seen, priority) => {
        const ranks = new PriorityRanks();
        for (const one of seen) ranks.count(one, 0);
        const share = (matches: (one: number) => boolean) => seen.filter(matches).length / seen.length;
        expect(ranks.below(priority, 100)).toBeCloseTo(
          share((one) => one < priority),
          10,
        );
        expect(ranks.above(priority, 100)).toBeCloseTo(
          share((one) => one > priority),
          10,
        );
      }),
    );
  });

  it('ranks an important request right after clients have filled it with made-up priorities', () => {
    const ranks = new PriorityRanks();
    for (let i = 0; i < 100_000; i++) ranks.count(-i, i / 100);
    expect(ranks.below(1, 2000)).toBe(1);
    expect(ranks.above(1, 2000)).toBe(0);
    expect(ranks.above(-1e9, 2000)).toBe(1);
  });

  it('keeps a bounded number of priorities', () => {
    const ranks = new PriorityRanks();
    for (let i = 0; i < 100_000; i++) see(ranks, i, 0);
    expect(see(ranks, 1e9, 1)).toBeGreaterThan(0.9);
  });
});
