import { describe, expect, it } from 'vitest';
import { bytesAllocated, NO_BYTES } from '../../../.config/memory.ts';
import { BoundedQueue, FairQueue, PriorityQueue } from '../src/index.ts';

describe('a rejected tryPush', () => {
  it.each([
    { name: 'BoundedQueue', queue: new BoundedQueue<number>({ capacity: 10 }), ctx: undefined },
    { name: 'PriorityQueue', queue: new PriorityQueue<number>({ capacity: 10 }), ctx: { priority: -1 } },
    { name: 'FairQueue', queue: new FairQueue<number>({ capacity: 10 }), ctx: { key: 'a' } },
  ])('of a $name allocates nothing', ({ queue, ctx }) => {
    while (queue.tryPush(1, ctx));
    expect(bytesAllocated(() => queue.tryPush(1, ctx))).toBeLessThan(NO_BYTES / 2);
    expect(queue.stats().rejected).toBeGreaterThan(10_000);
  });
});
