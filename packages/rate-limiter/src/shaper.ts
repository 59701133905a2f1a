import { RejectedError } from '@bp/core';
import { checkNonNegative, checkOptions } from '@bp/core/kit';
import { Allowance } from './allowance.ts';
import { Limiter, type LimiterStats } from './limiter.ts';
import { type LeakyBucketShaperOptions, resolveShaperOptions, resolveShaperSize } from './options.ts';

/** How a shaper stands and what it has done. */
export interface LeakyBucketShaperStats extends LimiterStats {
  /** The sum of the costs that wait. */
  readonly waitingCost: number;
  /** What `waitingCost` may be at most. */
  readonly capacity: number;
}

/**
 * A leaky bucket as a shaper: calls wait in the bucket and leave it one after the other, at `rate`. After a call of cost
 * `c` the next one leaves `c * intervalMs / rate` later; whoever gives up shortens the wait of everyone behind.
 */
export class LeakyBucketShaper extends Limiter {
  readonly #allowance: Allowance;
  #capacity: number;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: LeakyBucketShaperOptions) {
    const resolved = resolveShaperOptions(options);
    super(resolved);
    this.#allowance = new Allowance(resolved.limit, this.clock.now());
    this.#capacity = resolved.capacity;
  }

  get maxCost(): number {
    return this.#capacity;
  }

  /**
   * Changes the pace from now on; what is left out stays. Who waits goes on waiting, and what left before still keeps
   * the next one waiting, at the new rate; a cost that has become impossible is rejected with a RangeError.
   * @throws TypeError or RangeError naming what is wrong; then nothing has changed.
   */
  setLimit(
    change: Partial<Pick<LeakyBucketShaperOptions, 'rate' | 'intervalMs' | 'capacity' | 'burst'>>,
    now = this.clock.now(),
  ): void {
    const old = this.#allowance.limit;
    const {
      rate = old.rate,
      intervalMs = old.intervalMs,
      capacity: holds = this.#capacity,
    } = checkOptions(change);
    const burst = change.burst ?? (Number.isFinite(old.burst) ? old.burst : 0);
    const { limit, capacity } = resolveShaperSize({ rate, intervalMs, capacity: holds, burst });
    this.#capacity = capacity;
    this.#allowance.change(limit, now);
    this.waiters.reconsider(capacity);
  }

  /** Gives back `cost` that was released and not used: the next one leaves that much earlier. */
  refund(cost = 1, now = this.clock.now()): void {
    this.#allowance.refund(checkNonNegative('cost', cost), now);
    if (this.waiters.size > 0) this.waiters.serve();
  }

  /** How the shaper stands and what it has done. */
  stats(): LeakyBucketShaperStats {
    return { waitingCost: this.waiters.cost, capacity: this.#capacity, ...this.counts() };
  }

  // Who leaves pays afterwards: the cost keeps the next one waiting, not its own call.
  protected take(cost: number, now: number): boolean {
    return cost >= 0 && cost <= this.#capacity && this.#allowance.take(cost, now, 0);
  }

  protected waitMs(cost: number, ahead: number, now: number): number {
    if (!(cost >= 0 && cost <= this.#capacity)) return Number.POSITIVE_INFINITY;
    return this.#allowance.waitMs(0, ahead, now);
  }

  protected override noRoom(cost: number, now: number): RejectedError | undefined {
    const excess = this.waiters.cost + cost - this.#capacity;
    if (!(excess > 0)) return super.noRoom(cost, now, 'QUEUE_FULL');
    // There is room once enough of those at the front have left.
    const retryAfterMs = this.#allowance.waitMs(0, this.waiters.costBefore(excess), now);
    return new RejectedError('QUEUE_FULL', this.name, { retryAfterMs });
  }
}
