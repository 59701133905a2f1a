import { FairLevel } from './fair-level.ts';
import { Levels } from './levels.ts';
import { type FairQueueOptions, resolveOptions } from './options.ts';
import { Queue } from './queue.ts';

/**
 * A bounded queue that is shared fairly between those who use it, told apart by `ctx.key`: whoever sends ten times more
 * than others gets no more out of it while those wait, by weight (`ctx.cost`). More important items come first
 * (`ctx.priority`), and keys share among equals.
 *
 * When it is full, a newcomer makes the newest of the least important leave as in a `PriorityQueue`; among equals the newest
 * of the key that has most waiting, if that key still has no less than the newcomer's then. Whoever leaves is told.
 *
 * @example
 * const queue = new FairQueue<string>({ capacity: 100, onDrop: (job, rejection) => tell(job, rejection) });
 * queue.tryPush('report', { key: 'customer 7' });
 */
export class FairQueue<T> extends Queue<T> {
  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: FairQueueOptions<T>) {
    super(resolveOptions(options, 'fair-queue'), new Levels<T>((priority) => new FairLevel(priority)));
  }
}
