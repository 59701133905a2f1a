import type { Entry } from './entry.ts';
import { FairLevel } from './fair-level.ts';
import { PriorityOrder } from './priority-order.ts';
import { VirtualTime } from './virtual-time.ts';

/** After so many entries the tags start from zero again: the rounding of sums of tags must not grow with uptime. */
const SHIFT_EVERY = 2 ** 20;

/** Highest priority first; entries of equal priority are shared between keys. */
export class FairOrder<T> extends PriorityOrder<T, FairLevel<T>> {
  readonly #time: VirtualTime;
  #served = 0;

  /** @param maxKeys - how many keys are remembered that have nothing queued. */
  constructor(maxKeys: number) {
    const time = new VirtualTime(maxKeys);
    super((priority) => new FairLevel(priority, time), true);
    this.#time = time;
  }

  override serve(entry: Entry<T>): void {
    super.serve(entry);
    if (++this.#served % SHIFT_EVERY !== 0) return;
    const { now } = this.#time;
    for (const level of this.levels.values()) level.shift(now);
    this.#time.shift(now);
  }
}
