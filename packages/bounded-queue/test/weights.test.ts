import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue } from '../src/index.ts';

describe('weights that are fractions', () => {
  it.each([BoundedQueue, PriorityQueue, FairQueue])('never drift, however many come and go: %o', (Kind) => {
    const queue = new Kind<number>({ capacity: 100, maxWeight: 10 });
    queue.tryPush(0, { cost: 1 });
    const queued: AbortController[] = [];
    let random = 1;
    for (let i = 0; i < 5000; i++) {
      random = (random * 48271) % 0x7fffffff;
      if (random % 2 === 0) {
        const controller = new AbortController();
        const cost = random % 3 === 0 ? 1.1 : 0.4;
        if (queue.tryPush(i, { cost, signal: controller.signal })) queued.push(controller);
      } else {
        queued.splice(random % Math.max(1, queued.length), 1)[0]?.abort();
      }
    }
    for (const controller of queued) controller.abort();
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
