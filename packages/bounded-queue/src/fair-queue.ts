import { FAIR_QUEUE_NAMES, type FairQueueOptions, resolveMaxKeys, resolveOptions } from './options.ts';
import { FairOrder } from './order/fair-order.ts';
import { Queue } from './queue.ts';

/**
 * Queues a bounded number of items and shares what is taken, and the room, between keys (`ctx.key`) by weight (`ctx.cost`):
 * a key that sends ten times more than others is served no more than its share while those have items queued. Higher
 * priorities come first; items of equal priority are shared.
 *
 * In a full queue a new item evicts items of lower priority as in a `PriorityQueue`, then items of equal priority that
 * would be taken later than the new one: the newest items of keys with a larger backlog, or that were served more.
 *
 * @example
 * const queue = new FairQueue<string>({ capacity: 100, onDrop: (job, rejection) => log(job, rejection) });
 * queue.tryPush('report', { key: 'customer 7' });
 */
export class FairQueue<T> extends Queue<T> {
  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: FairQueueOptions<T>) {
    const resolved = resolveOptions(options, 'fair-queue', FAIR_QUEUE_NAMES);
    super(resolved, new FairOrder<T>(resolveMaxKeys(options.maxKeys, resolved.capacity)));
  }
}
