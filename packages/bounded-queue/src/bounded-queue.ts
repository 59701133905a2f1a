import { BOUNDED_QUEUE_NAMES, type BoundedQueueOptions, resolveOptions, resolveOverflow } from './options.ts';
import { FifoOrder } from './order/fifo-order.ts';
import { Queue } from './queue.ts';

/**
 * Queues a bounded number of items, first in, first out. A full queue rejects new items, or drops the oldest one
 * (`overflow: 'drop-oldest'`) and notifies `onDrop`.
 *
 * @example
 * const queue = new BoundedQueue<string>({ capacity: 100 });
 * if (!queue.tryPush('job')) reply.code(503);
 */
export class BoundedQueue<T> extends Queue<T> {
  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: BoundedQueueOptions<T>) {
    const resolved = resolveOptions(options, 'bounded-queue', BOUNDED_QUEUE_NAMES);
    super(resolved, new FifoOrder(resolveOverflow(options.overflow) === 'drop-oldest'));
  }
}
