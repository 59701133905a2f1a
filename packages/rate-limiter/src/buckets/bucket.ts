import type { CallContext } from '@bp/core';
import {
  checkNonNegative,
  checkNonNegativeOrInfinity,
  checkOptions,
  EMPTY_CONTEXT,
  optionNames,
} from '@bp/core/kit';
import { Allowance } from '../gcra/allowance.ts';
import type { Limit } from '../gcra/limit.ts';
import { costOf } from '../rejection.ts';
import { Limiter } from '../waiting/limiter.ts';
import type { LimiterStats } from '../waiting/stats.ts';
import type { ResolvedBucketOptions } from './options.ts';

/** The state and the counters of a bucket. */
export interface BucketStats extends LimiterStats {
  /** Tokens that come back per `intervalMs`. */
  readonly rate: number;
  /** Milliseconds in which `rate` tokens come back. */
  readonly intervalMs: number;
  /** Tokens of a full bucket. */
  readonly burst: number;
  /** Tokens that are available now. */
  readonly remaining: number;
}

/** The state of a bucket that `restore` needs: plain data, fit for JSON. */
export interface BucketSnapshot {
  /** Tokens that were spent and had not come back. */
  readonly spent: number;
  /** Milliseconds of a `block` that were left; left out if there was none, `Infinity` is written as -1. */
  readonly blockedForMs?: number | undefined;
}

const SNAPSHOT_FIELDS = /* @__PURE__ */ optionNames<BucketSnapshot>({ spent: true, blockedForMs: true });

/** JSON has no `Infinity`. */
const FOREVER = -1;

/** One allowance and the calls that wait for it: the common part of token bucket and leaky bucket. */
export abstract class Bucket extends Limiter {
  protected readonly allowance: Allowance;

  constructor(options: ResolvedBucketOptions, allowance = new Allowance(options.limit, options.clock.now())) {
    super(options);
    this.allowance = allowance;
    this.noteMaxCost();
  }

  maxCost(): number {
    return this.allowance.limit.burst;
  }

  /** Returns the tokens that are available now, with fractions, from 0 to the burst. Ignores waiting calls and blocks. */
  remaining(now = this.clock.now()): number {
    return Math.max(0, this.allowance.limit.burst - this.allowance.spent(now));
  }

  /**
   * Takes `ctx.cost` tokens whether they are available or not: missing tokens have to come back first.
   * @throws RangeError for an invalid cost.
   */
  penalty(ctx: CallContext = EMPTY_CONTEXT, now = this.clock.now()): void {
    this.allowance.penalty(checkNonNegative('cost', costOf(ctx)), now);
    this.changed('tokens');
  }

  /**
   * Admits nothing for exactly `ms` milliseconds (>= 0; `Infinity`: until `reset`). Tokens come back meanwhile; no change of
   * the limit shortens the block, and a later, shorter block does not either. @throws TypeError or RangeError.
   */
  block(ms: number, now = this.clock.now()): void {
    this.allowance.block(checkNonNegativeOrInfinity('ms', ms), now);
    this.changed('tokens');
  }

  /** Fills the bucket and ends a block. */
  reset(now = this.clock.now()): void {
    this.allowance.setSpent(0, now);
    this.allowance.unblock();
    this.changed('tokens');
  }

  /** Returns the state to keep when the process ends. */
  snapshot(now = this.clock.now()): BucketSnapshot {
    const spent = this.allowance.spent(now);
    const blockedForMs = this.allowance.blockedForMs(now);
    if (blockedForMs === 0) return { spent };
    return { spent, blockedForMs: blockedForMs === Number.POSITIVE_INFINITY ? FOREVER : blockedForMs };
  }

  /**
   * Replaces the state by a snapshot.
   * @param elapsedMs - the age of the snapshot, by a clock that the caller trusts (>= 0). Default: 0.
   * @throws TypeError or RangeError for an invalid snapshot; then nothing has changed.
   */
  restore(snapshot: BucketSnapshot, elapsedMs = 0, now = this.clock.now()): void {
    const { spent, blockedForMs = 0 } = checkOptions(snapshot, SNAPSHOT_FIELDS, 'snapshot');
    checkNonNegative('snapshot.spent', spent);
    const blockedMs = blockedForMs === FOREVER ? Number.POSITIVE_INFINITY : blockedForMs;
    checkNonNegativeOrInfinity('snapshot.blockedForMs', blockedMs);
    checkNonNegative('elapsedMs', elapsedMs);
    const { rate, intervalMs } = this.allowance.limit;
    const cameBack = rate === 0 ? 0 : (elapsedMs * rate) / intervalMs;
    this.allowance.setSpent(Math.max(0, spent - cameBack), now);
    this.allowance.unblock();
    if (blockedMs > elapsedMs) this.allowance.block(blockedMs - elapsedMs, now);
    this.changed('tokens');
  }

  stats(): BucketStats {
    const { rate, intervalMs, burst } = this.allowance.limit;
    return { rate, intervalMs, burst, remaining: this.remaining(), ...this.counts() };
  }

  protected take(ctx: CallContext, now: number): boolean {
    return this.allowance.take(costOf(ctx), now);
  }

  protected waitMs(ctx: CallContext, ahead: number, now: number): number {
    return this.allowance.waitMs(costOf(ctx), ahead, now);
  }

  protected giveBack(ctx: CallContext, now: number): void {
    this.allowance.refund(costOf(ctx), now);
  }

  protected changeLimit(limit: Limit, now: number): void {
    this.allowance.change(limit, now);
    this.changed('limit');
  }
}
