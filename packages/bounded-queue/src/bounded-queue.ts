import { Fifo } from './fifo.ts';
import { type BoundedQueueOptions, resolveOptions, resolveOverflow } from './options.ts';
import { Queue } from './queue.ts';

/**
 * A bounded FIFO: rejects when it is full, or drops the oldest if it is told to, and then says so.
 *
 * @example
 * const queue = new BoundedQueue<string>({ capacity: 100 });
 * if (!queue.tryPush('job')) sayNotNow();
 */
export class BoundedQueue<T> extends Queue<T> {
  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: BoundedQueueOptions<T>) {
    const resolved = resolveOptions(options, 'bounded-queue');
    super(resolved, new Fifo(resolveOverflow(options.overflow) === 'drop-oldest'));
  }
}
