import { checkOptions } from '@bp/core/kit';
import { Bucket } from './bucket.ts';
import { createLimit } from './limit.ts';
import { type LeakyBucketOptions, resolveLeakyBucketOptions } from './options.ts';

/**
 * A leaky bucket as a meter: every call pours its cost in, `rate` leaks out, and what would overflow `capacity` is
 * rejected. It decides as a token bucket whose burst is the capacity, and says how full it is instead of what is left.
 */
export class LeakyBucket extends Bucket {
  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: LeakyBucketOptions) {
    super(resolveLeakyBucketOptions(options));
  }

  /** What is in the bucket now: from 0, when all has leaked out, to the capacity; above it after a penalty. */
  level(now = this.clock.now()): number {
    return this.allowance.spent(now);
  }

  /** Changes the limit from now on; what is left out stays, and so does what is in the bucket. See `TokenBucket`. */
  setLimit(
    change: Partial<Pick<LeakyBucketOptions, 'rate' | 'intervalMs' | 'capacity'>>,
    now = this.clock.now(),
  ): void {
    const old = this.allowance.limit;
    const { rate = old.rate, intervalMs = old.intervalMs, capacity = old.burst } = checkOptions(change);
    this.changeLimit(createLimit(rate, intervalMs, capacity, 'capacity'), now);
  }
}
