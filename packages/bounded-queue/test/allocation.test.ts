import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue } from '../src/index.ts';

describe('a rejected tryPush', () => {
  it.each([
    { name: 'BoundedQueue', queue: new BoundedQueue<number>({ capacity: 10 }), ctx: undefined },
    { name: 'PriorityQueue', queue: new PriorityQueue<number>({ capacity: 10 }), ctx: { priority: -1 } },
    { name: 'FairQueue', queue: new FairQueue<number>({ capacity: 10 }), ctx: { key: 'a' } },
  ])('of a $name allocates nothing', ({ queue, ctx }) => {
    const TIMES = 100_000;
    while (queue.tryPush(1, ctx));
    const reject = (): void => {
      for (let i = 0; i < TIMES; i++) queue.tryPush(1, ctx);
    };
    reject();
    const bytes = (): number => process.memoryUsage().heapUsed;
    const grown = Array.from({ length: 5 }, () => {
      globalThis.gc?.();
      const before = bytes();
      reject();
      return bytes() - before;
    });
    // An object for each rejection would be 1.6 MB at least; other work of the process allocates a little.
    expect(Math.min(...grown)).toBeLessThan(400_000);
    expect(queue.stats().rejected).toBeGreaterThanOrEqual(6 * TIMES);
  });
});
