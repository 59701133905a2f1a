import { checkOptions } from '@bp/core/kit';
import { Bucket } from './bucket.ts';
import { createLimit } from './limit.ts';
import { resolveTokenBucketOptions, type TokenBucketOptions } from './options.ts';
import { WarmingAllowance } from './warm-up.ts';

/**
 * A token bucket: `burst` tokens that come back at `rate`, continuously. In any window of `w` milliseconds it admits at
 * most `burst + rate * w / intervalMs`. It begins full, or with one token if it has to warm up.
 */
export class TokenBucket extends Bucket {
  readonly #warming: WarmingAllowance | undefined;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: TokenBucketOptions) {
    const resolved = resolveTokenBucketOptions(options);
    const { limit, clock, warmUp } = resolved;
    const warming = warmUp && new WarmingAllowance(limit, clock.now(), warmUp.durationMs, warmUp.coldFactor);
    super(resolved, warming);
    this.#warming = warming;
  }

  /**
   * Changes the limit from now on; what is left out stays. What was spent stays spent, in tokens: a higher burst adds
   * the difference, a lower one takes it away, and no change ever fills the bucket. Who waits goes on waiting under the
   * new limit; a cost that has become impossible is rejected with a RangeError.
   * @throws TypeError or RangeError naming what is wrong; then nothing has changed.
   */
  setLimit(
    change: Partial<Pick<TokenBucketOptions, 'rate' | 'intervalMs' | 'burst'>>,
    now = this.clock.now(),
  ): void {
    const old = this.allowance.limit;
    const { rate = old.rate, intervalMs = old.intervalMs, burst } = checkOptions(change);
    const kept = old.burst < Number.POSITIVE_INFINITY ? old.burst : undefined;
    this.changeLimit(createLimit(rate, intervalMs, burst ?? kept), now);
  }

  /** Begins the ramp of `warmUp` again, with one token at most: what is behind has restarted. Without it a no-op. */
  warmUpAgain(now = this.clock.now()): void {
    this.#warming?.restart(now);
  }
}
