import { Bucket } from './bucket.ts';
import { resolveTokenBucketOptions, type TokenBucketOptions } from './options.ts';

/**
 * A token bucket: `burst` tokens that come back at `rate`, continuously. In any window of `w` milliseconds it admits at
 * most `burst + rate * w / intervalMs`. It begins full.
 */
export class TokenBucket extends Bucket {
  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: TokenBucketOptions) {
    super(resolveTokenBucketOptions(options));
  }
}
