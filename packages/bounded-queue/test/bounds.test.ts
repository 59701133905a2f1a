import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, PriorityQueue } from '../src/index.ts';

describe('bounds', () => {
  it('hold for costs that are fractions', () => {
    const queue = new PriorityQueue<number>({ capacity: 100, maxWeight: 0.3 });
    expect([0.1, 0.2, 0.1].map((cost, i) => queue.tryPush(i, { cost }))).toEqual([true, true, false]);
    expect(queue.tryPush(3, { cost: 0.2, priority: 1 })).toBe(true);
    expect(queue.size).toBe(2);
  });

  it('are whole numbers of items where options are shares', () => {
    const queue = new BoundedQueue<number>({ capacity: 100, highWater: 0.28, lowWater: 0.07 });
    for (let i = 0; i < 27; i++) queue.tryPush(i);
    expect(queue.stats().saturated).toBe(false);
    queue.tryPush(27);
    expect(queue.stats().saturated).toBe(true);
  });

  it('admit no infinite cost', () => {
    const queue = new BoundedQueue<number>({ capacity: 100 });
    expect(queue.tryPush(1, { cost: Number.POSITIVE_INFINITY })).toBe(false);
  });

  it('leave room where stale items are, which are shed for a new item', () => {
    const clock = new VirtualClock();
    const queue = new BoundedQueue<number>({ capacity: 3, clock, sojourn: { targetMs: 10 } });
    for (let i = 0; i < 40; i++) {
      while (queue.tryPush(i));
      clock.advanceSync(10);
      queue.tryTake();
    }
    while (queue.tryPush(0));
    expect(queue.hasRoom()).toBe(false);
    clock.advanceSync(100);
    expect(queue.hasRoom()).toBe(true);
    expect(queue.tryPush(1)).toBe(true);
  });

  it('drop all items without a context as the lowest priority', () => {
    const queue = new PriorityQueue<string>({ capacity: 5 });
    queue.tryPush('a');
    queue.tryPush('b');
    expect([queue.dropLowest(), queue.size]).toEqual([2, 0]);
  });
});
