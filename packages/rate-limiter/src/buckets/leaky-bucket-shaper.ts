import { type CallContext, RejectedError } from '@bp/core';
import { checkOptions } from '@bp/core/kit';
import { Allowance } from '../gcra/allowance.ts';
import { costOf } from '../rejection.ts';
import { Limiter } from '../waiting/limiter.ts';
import type { LimiterStats } from '../waiting/stats.ts';
import {
  type LeakyBucketShaperChange,
  type LeakyBucketShaperOptions,
  resolveShaperOptions,
  resolveShaperSize,
  SHAPER_CHANGE,
} from './options.ts';

/** The state and the counters of a shaper. */
export interface LeakyBucketShaperStats extends LimiterStats {
  /** The sum of the costs that wait. */
  readonly queuedCost: number;
  /** The highest `queuedCost`. */
  readonly capacity: number;
}

/**
 * A leaky bucket as a shaper: calls wait in the bucket and are released one after the other, at `rate`. After a call of cost `c`
 * the next one is released `c * intervalMs / rate` later; cancelling a waiting call shortens the wait of the calls behind it.
 */
export class LeakyBucketShaper extends Limiter {
  readonly #allowance: Allowance;
  #capacity: number;

  /** @throws TypeError or RangeError naming the first wrong option. */
  constructor(options: LeakyBucketShaperOptions) {
    const resolved = resolveShaperOptions(options);
    super(resolved);
    this.#allowance = new Allowance(resolved.limit, this.clock.now());
    this.#capacity = resolved.capacity;
    this.noteMaxCost();
  }

  maxCost(): number {
    return this.#capacity;
  }

  /**
   * Changes the limit from now on; fields that are left out stay. The cost of the last release still delays the next one, at
   * the new rate. A waiting call whose cost became impossible is rejected with a `retryAfterMs` of `Infinity`.
   * @throws TypeError or RangeError naming the wrong option; then nothing has changed.
   */
  setLimit(change: LeakyBucketShaperChange, now = this.clock.now()): void {
    const old = this.#allowance.limit;
    const {
      rate = old.rate,
      intervalMs = old.intervalMs,
      capacity = this.#capacity,
      burst = Number.isFinite(old.burst) ? old.burst : 0,
    } = checkOptions(change, SHAPER_CHANGE);
    const resolved = resolveShaperSize({ rate, intervalMs, capacity, burst });
    this.#capacity = resolved.capacity;
    this.#allowance.change(resolved.limit, now);
    this.changed('limit');
  }

  stats(): LeakyBucketShaperStats {
    return { queuedCost: this.queue.cost, capacity: this.#capacity, ...this.counts() };
  }

  // A released call pays afterwards: its cost delays the next call, not itself.
  protected take(ctx: CallContext, now: number): boolean {
    const cost = costOf(ctx);
    return this.#fits(cost) && this.#allowance.take(cost, now, 0);
  }

  protected waitMs(ctx: CallContext, ahead: number, now: number): number {
    if (!this.#fits(costOf(ctx))) return Number.POSITIVE_INFINITY;
    return this.#allowance.waitMs(0, ahead, now);
  }

  protected giveBack(ctx: CallContext, now: number): void {
    this.#allowance.refund(costOf(ctx), now);
  }

  protected override noRoom(ctx: CallContext, now: number, waitMs: number): RejectedError | undefined {
    const excess = this.queue.cost + costOf(ctx) - this.#capacity;
    if (excess > 0) {
      // There is room once enough of the calls at the front have been released.
      const retryAfterMs = this.#allowance.waitMs(0, this.queue.costBefore(excess), now);
      return new RejectedError('QUEUE_FULL', this.name, { retryAfterMs });
    }
    const full = super.noRoom(ctx, now, waitMs);
    return full && new RejectedError('QUEUE_FULL', this.name, { retryAfterMs: waitMs });
  }

  #fits(cost: number): boolean {
    return typeof cost === 'number' && cost >= 0 && cost <= this.#capacity;
  }
}
