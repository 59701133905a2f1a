import { FifoLevel } from './level.ts';
import { Levels } from './levels.ts';
import { type PriorityQueueOptions, resolveOptions } from './options.ts';
import { Queue } from './queue.ts';

/**
 * A bounded queue that hands out the most important item first (`ctx.priority`, higher numbers first), first in first
 * out among equals. When it is full, a strictly more important newcomer makes the newest of the least important
 * leave, whose owner is told.
 *
 * @example
 * const queue = new PriorityQueue<string>({ capacity: 100, onDrop: (job, rejection) => tell(job, rejection) });
 * queue.tryPush('report', { priority: 1 });
 */
export class PriorityQueue<T> extends Queue<T> {
  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: PriorityQueueOptions<T>) {
    super(resolveOptions(options, 'priority-queue'), new Levels<T>((priority) => new FifoLevel(priority)));
  }

  /** Drops everything of the least important level, each told `SHED`. Returns how many there were. */
  override dropLowest(): number {
    return super.dropLowest();
  }
}
