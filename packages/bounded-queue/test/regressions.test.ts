import { describe, expect, it } from 'vitest';
import { BoundedQueue, PriorityQueue } from '../src/index.ts';

/** Defects of other queues, each as one sentence that holds here. */
describe('what other queues got wrong', () => {
  it('denque, effect: every dropped item is notified', () => {
    const notified: number[] = [];
    const queue = new BoundedQueue<number>({
      capacity: 2,
      overflow: 'drop-oldest',
      onDrop: (item) => notified.push(item),
    });
    for (let i = 0; i < 5; i++) queue.tryPush(i);
    expect([notified, queue.stats().dropped]).toEqual([[0, 1, 2], 3]);
  });

  it('effect: waiting producers are bounded', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1, maxWaitingProducers: 3 });
    const results = await Promise.race([
      Promise.allSettled(Array.from({ length: 100 }, (_, i) => queue.push(i)).slice(4)),
    ]);
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(queue.stats()).toMatchObject({ waitingProducers: 3, rejected: 96 });
  });

  it('workerpool: cancelled items do not count against the bound', () => {
    const queue = new BoundedQueue<string>({ capacity: 2 });
    const controller = new AbortController();
    queue.tryPush('a', { signal: controller.signal });
    queue.tryPush('b', { signal: controller.signal });
    controller.abort();
    expect([queue.tryPush('c'), queue.tryPush('d'), queue.tryPush('e')]).toEqual([true, true, false]);
  });

  it('rate-limiter-flexible: items stay in order while a taker is served', async () => {
    const queue = new BoundedQueue<string>({ capacity: 5 });
    const first = queue.take();
    queue.tryPush('a');
    queue.tryPush('b');
    expect([await first, await queue.take()]).toEqual(['a', 'b']);
  });

  it('p-queue: cancelling in the middle of a long queue does not cost its length', () => {
    // Counted, not timed: an O(n) removal of 20 000 items out of 20 000 would touch 2 * 10^8 entries.
    const queue = new PriorityQueue<number>({ capacity: 20_000 });
    const controllers = Array.from({ length: 20_000 }, (_, i) => {
      const controller = new AbortController();
      queue.tryPush(i, { signal: controller.signal, priority: i % 3 });
      return controller;
    });
    for (let i = 19_999; i >= 0; i -= 2) controllers[i]?.abort();
    expect(queue.size).toBe(10_000);
  });

  it('fastq, p-limit: closing leaves no promise pending', async () => {
    const queue = new BoundedQueue<string>({ capacity: 1, maxWaitingProducers: 2 });
    const pushes = [queue.push('a'), queue.push('b'), queue.push('c')];
    const settled = Promise.allSettled(pushes);
    await queue.close({ withinMs: 0 });
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  });
});
