import type { CallContext, RejectedError, RejectionCode, Unsubscribe } from '@bp/core';
import { checkOptions, EMPTY_CONTEXT, optionNames } from '@bp/core/kit';
import { type Budget, type BudgetChange, checkBudget } from './budget.ts';
import { costOf, neverAdmitted, rejectionBy } from './rejection.ts';
import { Limiter } from './waiting/limiter.ts';
import {
  type ResolvedWaitingOptions,
  resolveWaitingOptions,
  WAITING_OPTIONS,
  type WaitingOptions,
} from './waiting/options.ts';
import type { LimiterStats } from './waiting/stats.ts';

/** Options of `AllOf`. */
export interface AllOfOptions extends WaitingOptions {
  /** The limits of every call, on one clock: limiters, clients of limiters, other `AllOf`s. At least one. */
  readonly limits: readonly Budget[];
}

const ALL_OF_OPTIONS = /* @__PURE__ */ optionNames<AllOfOptions>({ ...WAITING_OPTIONS, limits: true });

/**
 * Several limits as one: 10 per second and 1000 per hour and a share of a common budget. A call is charged to all of them or to
 * none. A rejection carries the longest wait and names the limit that asks for it.
 */
export class AllOf extends Limiter {
  readonly #limits: readonly Budget[];
  #unsubscribe: Unsubscribe | undefined;
  /** Whether waiting calls are about to be served. */
  #serveDue = false;

  /** @throws TypeError or RangeError naming the first wrong option. */
  constructor(options: AllOfOptions) {
    const resolved = resolveAllOfOptions(options);
    super(resolved, resolved.limits);
    this.#limits = resolved.limits;
    this.noteMaxCost();
  }

  maxCost(ctx?: CallContext): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const limit of this.#limits) lowest = Math.min(lowest, limit.maxCost(ctx));
    return lowest;
  }

  /** Returns the names of the limits that do not admit the call now, the longest wait first. */
  violated(ctx: CallContext = EMPTY_CONTEXT, now = this.clock.now()): readonly string[] {
    return this.#limits
      .map((limit) => ({ name: limit.name, waitMs: limit.retryAfterMs(ctx, now) }))
      .filter(({ waitMs }) => waitMs > 0)
      .sort((a, b) => b.waitMs - a.waitMs)
      .map(({ name }) => name);
  }

  /** Returns the counters of the calls made to all limits together; each limit has counters of its own. */
  stats(): LimiterStats {
    return this.counts();
  }

  protected take(ctx: CallContext, now: number): boolean {
    const limits = this.#limits;
    for (const limit of limits) if (limit.retryAfterMs(ctx, now) > 0) return false;
    for (let taken = 0; taken < limits.length; taken++) {
      if (limits[taken]?.tryAcquire(ctx, now)) continue;
      // One budget may be part of two of the limits and be too small for both.
      for (let i = 0; i < taken; i++) limits[i]?.undo(ctx, now);
      return false;
    }
    return true;
  }

  protected waitMs(ctx: CallContext, ahead: number, now: number): number {
    let longest = 0;
    for (const limit of this.#limits) longest = Math.max(longest, limit.retryAfterMs(ctx, now, ahead));
    return longest;
  }

  protected giveBack(ctx: CallContext, now: number): void {
    for (const limit of this.#limits) limit.refund(ctx, now);
  }

  protected override takeBack(ctx: CallContext, now: number): void {
    for (const limit of this.#limits) limit.undo(ctx, now);
  }

  // Only while calls wait here: a long-lived limit must not keep this limiter alive.
  protected override startedWaiting(): void {
    this.#unsubscribe ??= this.changes.onChange((change) => this.#limitChanged(change));
  }

  protected override stoppedWaiting(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  protected override impossible(ctx: CallContext): RejectedError | undefined {
    const now = this.clock.now();
    for (const limit of this.#limits) {
      const rejection = limit.check(ctx, now);
      if (rejection?.code === 'SHUTTING_DOWN') return rejection;
      if (costOf(ctx) > limit.maxCost(ctx)) return neverAdmitted(limit.name);
    }
    return undefined;
  }

  /** Serves waiting calls: once for all tokens that come back in one turn, which may be of many cancelled calls. */
  #limitChanged(change: BudgetChange): void {
    if (change === 'limit') {
      this.reconsider(change);
      return;
    }
    if (this.#serveDue) return;
    this.#serveDue = true;
    Promise.resolve().then(() => {
      this.#serveDue = false;
      this.reconsider(change);
    });
  }

  /** Names the limit that asks for the longest wait. */
  protected override rejection(
    code: RejectionCode,
    ctx: CallContext,
    now: number,
    retryAfterMs: number,
  ): RejectedError {
    if (code !== 'RATE_LIMITED') return super.rejection(code, ctx, now, retryAfterMs);
    let longest: Budget | undefined;
    let longestMs = 0;
    for (const limit of this.#limits) {
      const waitMs = limit.retryAfterMs(ctx, now);
      if (waitMs <= longestMs) continue;
      longest = limit;
      longestMs = waitMs;
    }
    if (longest === undefined) return super.rejection(code, ctx, now, retryAfterMs);
    return rejectionBy(longest, ctx, now, retryAfterMs);
  }
}

function resolveAllOfOptions(
  options: AllOfOptions,
): ResolvedWaitingOptions & { readonly limits: readonly Budget[] } {
  const { limits } = checkOptions(options, ALL_OF_OPTIONS);
  if (!Array.isArray(limits) || limits.length === 0) {
    throw new TypeError('limits must be an array of at least one limit');
  }
  return {
    ...resolveWaitingOptions(options, 'all-of'),
    limits: limits.map((limit: Budget, index) => checkBudget(`limits[${index}]`, limit)),
  };
}
