import { checkNonNegative, checkOptions } from '@bp/core/kit';
import { Allowance } from './allowance.ts';
import type { Limit } from './limit.ts';
import { Limiter, type LimiterStats } from './limiter.ts';
import type { ResolvedBucketOptions } from './options.ts';

/** How a bucket stands and what it has done. */
export interface BucketStats extends LimiterStats {
  /** Tokens that come back per `intervalMs`. */
  readonly rate: number;
  /** Milliseconds in which `rate` tokens come back. */
  readonly intervalMs: number;
  /** What a full bucket allows at once. */
  readonly burst: number;
  /** What it allows now. */
  readonly remaining: number;
}

/** What survives a bucket: plain data, fit for JSON. */
export interface BucketSnapshot {
  /** Tokens that were spent and had not come back. */
  readonly spent: number;
}

/** One allowance and those who wait for it: what token bucket and leaky bucket have in common. */
export abstract class Bucket extends Limiter {
  protected readonly allowance: Allowance;

  constructor(options: ResolvedBucketOptions, allowance = new Allowance(options.limit, options.clock.now())) {
    super(options);
    this.allowance = allowance;
  }

  get maxCost(): number {
    return this.allowance.limit.burst;
  }

  /** Tokens that can be taken now, with fractions, from 0 to the burst. Who waits is not taken into account. */
  remaining(now = this.clock.now()): number {
    return Math.max(0, this.allowance.limit.burst - this.allowance.spent(now));
  }

  /** Gives back `cost` tokens that were taken and not used; a full bucket stays full. @throws RangeError unless >= 0. */
  refund(cost = 1, now = this.clock.now()): void {
    this.allowance.refund(checkNonNegative('cost', cost), now);
    this.#changed();
  }

  /** Takes `cost` tokens whether they are there or not: what is missing has to come back first. */
  penalty(cost = 1, now = this.clock.now()): void {
    this.allowance.penalty(checkNonNegative('cost', cost), now);
  }

  /** Admits nothing for `ms` milliseconds, and after them no more than the rate: a penalty given in time. */
  block(ms: number, now = this.clock.now()): void {
    this.allowance.block(checkNonNegative('ms', ms), now);
  }

  /** Makes the bucket full, whatever was spent. */
  reset(now = this.clock.now()): void {
    this.allowance.setSpent(0, now);
    this.#changed();
  }

  /** What to keep when the process ends. */
  snapshot(now = this.clock.now()): BucketSnapshot {
    return { spent: this.allowance.spent(now) };
  }

  /**
   * Goes on from a snapshot.
   * @param elapsedMs - how long ago it was taken, by whatever clock the caller trusts (>= 0). Default: 0.
   */
  restore(snapshot: BucketSnapshot, elapsedMs = 0, now = this.clock.now()): void {
    const spent = checkNonNegative('snapshot.spent', checkOptions(snapshot).spent);
    checkNonNegative('elapsedMs', elapsedMs);
    const { rate, intervalMs } = this.allowance.limit;
    const cameBack = rate === 0 ? 0 : (elapsedMs * rate) / intervalMs;
    this.allowance.setSpent(Math.max(0, spent - cameBack), now);
    this.#changed();
  }

  /** How the bucket stands and what it has done. */
  stats(): BucketStats {
    const { rate, intervalMs, burst } = this.allowance.limit;
    return { rate, intervalMs, burst, remaining: this.remaining(), ...this.counts() };
  }

  protected take(cost: number, now: number): boolean {
    return this.allowance.take(cost, now);
  }

  protected waitMs(cost: number, ahead: number, now: number): number {
    return this.allowance.waitMs(cost, ahead, now);
  }

  protected changeLimit(limit: Limit, now: number): void {
    this.allowance.change(limit, now);
    this.waiters.reconsider(this.maxCost);
  }

  #changed(): void {
    if (this.waiters.size > 0) this.waiters.serve();
  }
}
