import type { RejectedError, RejectionCode } from '@bp/core';
import type { Budget } from './budget.ts';
import { Limiter, type LimiterStats } from './limiter.ts';
import { type AllOfOptions, resolveAllOfOptions } from './options.ts';

/**
 * Several limits as one: 10 a second and 1000 an hour and the share of a budget that others use too. A call is charged
 * to all of them or to none, and a rejection tells the longest wait and the limit that asks for it.
 */
export class AllOf extends Limiter {
  readonly #limits: readonly Budget[];

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: AllOfOptions) {
    const resolved = resolveAllOfOptions(options);
    super(resolved);
    this.#limits = resolved.limits;
  }

  get maxCost(): number {
    return Math.min(...this.#limits.map((limit) => limit.maxCost));
  }

  /** The names of the limits that do not admit the same call now, the longest wait first; none if all do. */
  violated(cost = 1, now = this.clock.now()): readonly string[] {
    return this.#limits
      .map((limit) => ({ name: limit.name, waitMs: limit.retryAfterMs(cost, now) }))
      .filter(({ waitMs }) => waitMs > 0)
      .sort((a, b) => b.waitMs - a.waitMs)
      .map(({ name }) => name);
  }

  /** Gives `cost` back to every limit. */
  refund(cost = 1, now = this.clock.now()): void {
    for (const limit of this.#limits) limit.refund(cost, now);
    if (this.waiters.size > 0) this.waiters.serve();
  }

  /** What was asked of all limits together; each of them counts for itself too. */
  stats(): LimiterStats {
    return this.counts();
  }

  protected take(cost: number, now: number): boolean {
    const limits = this.#limits;
    for (const limit of limits) if (!limit.check(cost, now)) return false;
    for (let taken = 0; taken < limits.length; taken++) {
      if (limits[taken]?.tryAcquire(cost, now)) continue;
      // One budget may stand behind two of the limits and be too small for both.
      for (let i = 0; i < taken; i++) limits[i]?.refund(cost, now);
      return false;
    }
    return true;
  }

  protected waitMs(cost: number, ahead: number, now: number): number {
    let longest = 0;
    for (const limit of this.#limits) longest = Math.max(longest, limit.retryAfterMs(cost, now, ahead));
    return longest;
  }

  /** Who exceeds a limit is told which. */
  protected override rejection(code: RejectionCode, cost: number, now: number): RejectedError {
    const name = code === 'RATE_LIMITED' ? this.violated(cost, now)[0] : undefined;
    return super.rejection(code, cost, now, name ?? this.name);
  }
}
