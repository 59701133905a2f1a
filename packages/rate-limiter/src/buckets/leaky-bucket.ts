import { checkOptions } from '@bp/core/kit';
import { Bucket } from './bucket.ts';
import {
  LEAKY_BUCKET_CHANGE,
  type LeakyBucketChange,
  type LeakyBucketOptions,
  resolveCapacity,
  resolveLeakyBucketOptions,
} from './options.ts';

/**
 * A leaky bucket as a meter: every call adds its cost to the level, `rate` leaks out, and a call that would overflow `capacity`
 * is rejected. It decides like a token bucket whose burst is the capacity, and reports a level instead of what remains.
 */
export class LeakyBucket extends Bucket {
  /** @throws TypeError or RangeError naming the first wrong option. */
  constructor(options: LeakyBucketOptions) {
    super(resolveLeakyBucketOptions(options));
  }

  /** Returns the level: from 0, when everything has leaked out, to the capacity; above it after a penalty. */
  level(now = this.clock.now()): number {
    return this.allowance.spent(now);
  }

  /**
   * Changes the limit from now on; fields that are left out stay, and so does the level. Waiting calls are treated as by
   * `TokenBucket.setLimit`. @throws TypeError or RangeError naming the wrong option; then nothing has changed.
   */
  setLimit(change: LeakyBucketChange, now = this.clock.now()): void {
    const old = this.allowance.limit;
    const {
      rate = old.rate,
      intervalMs = old.intervalMs,
      capacity = old.burst,
    } = checkOptions(change, LEAKY_BUCKET_CHANGE);
    this.changeLimit(resolveCapacity({ rate, intervalMs, capacity }), now);
  }
}
