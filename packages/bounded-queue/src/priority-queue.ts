import { type PriorityQueueOptions, resolveOptions } from './options.ts';
import { FifoLevel } from './order/level.ts';
import { PriorityOrder } from './order/priority-order.ts';
import { Queue } from './queue.ts';

/**
 * Queues a bounded number of items and hands out the one with the highest `ctx.priority` first, first in, first out among equal
 * priorities. In a full queue a new item evicts the newest items of strictly lower priority, the lowest first.
 *
 * @example
 * const queue = new PriorityQueue<string>({ capacity: 100, onDrop: (job, rejection) => log(job, rejection) });
 * queue.tryPush('report', { priority: 1 });
 */
export class PriorityQueue<T> extends Queue<T> {
  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: PriorityQueueOptions<T>) {
    super(
      resolveOptions(options, 'priority-queue'),
      new PriorityOrder<T>((priority) => new FifoLevel(priority)),
    );
  }

  /** Drops all items of the lowest priority with `SHED`. Returns how many. */
  override dropLowest(): number {
    return super.dropLowest();
  }
}
