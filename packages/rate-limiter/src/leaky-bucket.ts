import { Bucket } from './bucket.ts';
import { type LeakyBucketOptions, resolveLeakyBucketOptions } from './options.ts';

/**
 * A leaky bucket as a meter: every call pours its cost in, `rate` leaks out, and what would overflow `capacity` is
 * refused. It decides as a token bucket whose burst is the capacity, and says how full it is instead of what is left.
 */
export class LeakyBucket extends Bucket {
  /** What the bucket can hold. */
  readonly capacity: number;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: LeakyBucketOptions) {
    super(resolveLeakyBucketOptions(options));
    this.capacity = options.capacity;
  }

  /** What is in the bucket now, from 0 (leaked out) to `capacity`. */
  level(now?: number): number {
    return this.capacity - this.remaining(now);
  }
}
