import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue } from '../src/index.ts';

describe('weights that are fractions', () => {
  it.each([BoundedQueue, PriorityQueue, FairQueue])('never drift, however many come and go: %o', (Kind) => {
    const queue = new Kind<number>({ capacity: 100, maxWeight: 10 });
    queue.tryPush(0, { cost: 1 });
    const costs = [1.1, 0.4, 0.1, 1 / 3, 2.7];
    let next = 0;
    for (let i = 0; i < 20_000; i++) {
      const cost = costs[next++ % costs.length] as number;
      if (queue.tryPush(i, { cost, key: `${i % 7}`, priority: i % 3 })) continue;
      for (let taken = 0; taken < 3; taken++) queue.tryTake();
    }
    while (queue.size > 0) queue.tryTake();
    queue.tryPush(0, { cost: 1 });
    const controllers = Array.from({ length: 5000 }, (_, i) => {
      const controller = new AbortController();
      if (i % 2 === 1) queue.tryPush(i, { cost: 1.1, signal: controller.signal });
      else queue.tryPush(i, { cost: 0.4, signal: controller.signal });
      controller.abort();
      return controller;
    });
    expect(controllers.length).toBe(5000);
    expect(queue.stats()).toMatchObject({ size: 1, weight: 1 });
    expect(queue.weightAhead({ priority: -1 })).toBe(1);
    expect(queue.tryPush(9, { cost: 9 })).toBe(true);
    expect(queue.tryPush(10, { cost: 1e-6 })).toBe(false);
  });

  it('are summed as if they were added only once', () => {
    const step = fc.record({ cost: fc.double({ min: 1e-6, max: 1e6, noNaN: true }), take: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const queue = new BoundedQueue<number>({ capacity: 1000 });
        const left: number[] = [];
        for (const { cost, take } of steps) {
          if (take) expect(queue.tryTake()).toBe(left.shift());
          else if (queue.tryPush(cost, { cost })) left.push(cost);
        }
        const sum = left.reduceRight((total, cost) => total + cost, 0);
        expect(queue.stats().weight).toBeCloseTo(sum, 6);
      }),
    );
  });

  it('are finite sums, also of the largest numbers', () => {
    const queue = new BoundedQueue<number>({ capacity: 10 });
    expect(queue.tryPush(1, { cost: Number.MAX_VALUE })).toBe(true);
    expect(queue.tryPush(2, { cost: Number.MAX_VALUE })).toBe(false);
    expect(queue.stats().weight).toBe(Number.MAX_VALUE);
    queue.tryTake();
    expect(queue.tryPush(2)).toBe(true);
    expect(queue.stats().weight).toBe(1);
  });
});
