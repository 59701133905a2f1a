import { checkOptions } from '@bp/core/kit';
import { resolveLimit } from '../gcra/limit.ts';
import { WarmingAllowance } from '../gcra/warm-up.ts';
import { Bucket } from './bucket.ts';
import {
  resolveTokenBucketOptions,
  TOKEN_BUCKET_CHANGE,
  type TokenBucketChange,
  type TokenBucketOptions,
} from './options.ts';

/**
 * A token bucket: `burst` tokens that come back at `rate`, continuously. In any window of `w` milliseconds it admits at most
 * `burst + rate * w / intervalMs` tokens. It starts full, or with one token if it has to warm up.
 */
export class TokenBucket extends Bucket {
  readonly #warming: WarmingAllowance | undefined;

  /** @throws TypeError or RangeError naming the first wrong option. */
  constructor(options: TokenBucketOptions) {
    const resolved = resolveTokenBucketOptions(options);
    const { limit, clock, warmUp } = resolved;
    const warming = warmUp && new WarmingAllowance(limit, clock.now(), warmUp.durationMs, warmUp.coldFactor);
    super(resolved, warming);
    this.#warming = warming;
  }

  /**
   * Changes the limit from now on; fields that are left out stay. Spent tokens stay spent: a higher burst adds the difference,
   * a lower one takes it away, and no change fills the bucket. Waiting calls continue to wait under the new limit; a
   * call whose cost became impossible is rejected with `RATE_LIMITED` and a `retryAfterMs` of `Infinity`.
   * @throws TypeError or RangeError naming the wrong option; then nothing has changed.
   */
  setLimit(change: TokenBucketChange, now = this.clock.now()): void {
    const old = this.allowance.limit;
    const { rate = old.rate, intervalMs = old.intervalMs, burst } = checkOptions(change, TOKEN_BUCKET_CHANGE);
    const kept = old.burst < Number.POSITIVE_INFINITY ? old.burst : undefined;
    this.changeLimit(resolveLimit({ rate, intervalMs, burst: burst ?? kept }), now);
  }

  /** Starts the ramp of `warmUp` again, with one token at most, after a restart of the dependency. A no-op without `warmUp`. */
  warmUpAgain(now = this.clock.now()): void {
    this.#warming?.restart(now);
    this.changed('tokens');
  }
}
