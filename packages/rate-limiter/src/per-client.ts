import { type CallContext, RejectedError } from '@bp/core';
import { EMPTY_CONTEXT, rejectionAtEntry } from '@bp/core/kit';
import { ClientAccounts } from './client-accounts.ts';
import { ClientBudget } from './client-budget.ts';
import * as gcra from './gcra.ts';
import { type PerClientRateLimiterOptions, resolvePerClientOptions } from './per-client-options.ts';
import { type TopKey, TopKeys } from './top-keys.ts';

/** What a per-client limiter has done since it was made, and how it stands. */
export interface PerClientRateLimiterStats {
  /** Clients that have spent something that has not come back yet. Counting them walks the table. */
  readonly clients: number;
  /** How many of them are told apart. */
  readonly maxKeys: number;
  /** What the table takes, in bytes. */
  readonly bytes: number;
  /** Calls admitted so far. */
  readonly admitted: number;
  /** Calls rejected so far. */
  readonly rejected: number;
  /** Calls admitted only because of `shadow`; they are not among `admitted`, and took nothing. */
  readonly shadowed: number;
  /** The clients that were rejected most often, most often first; see `TopKey` for how sure that is. */
  readonly offenders: readonly TopKey[];
}

/**
 * A token bucket for every client, in memory that is taken at once and never grows. A client that is back to full is
 * forgotten, which changes nothing. With more clients than `maxKeys` at once, the least indebted ones share accounts:
 * then some are rejected earlier than they need be, but nobody is ever given more than its limit.
 */
export class PerClientRateLimiter extends ClientAccounts {
  readonly #maxKeys: number;
  readonly #shadow: boolean;
  readonly #offenders: TopKeys;
  #admitted = 0;
  #rejected = 0;
  #shadowed = 0;
  #closed = false;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: PerClientRateLimiterOptions) {
    const resolved = resolvePerClientOptions(options);
    super(resolved);
    this.#maxKeys = resolved.maxKeys;
    this.#shadow = resolved.shadow;
    this.#offenders = new TopKeys(resolved.offenders);
  }

  /**
   * Takes `cost` tokens (>= 0, fractions too) of the client `key` if they are there. Never throws: a cost that is no
   * such number, or above the burst, is never admitted.
   * @param now - the clock's time, for callers that have read it already; time going backwards grants nothing.
   */
  tryAcquire(key: string, cost = 1, now = this.clock.now()): boolean {
    if (!this.#closed) {
      if (this.#take(key, cost, now)) {
        this.#admitted++;
        return true;
      }
      if (this.#shadow) {
        this.#shadowed++;
        return true;
      }
    }
    this.#rejected++;
    return false;
  }

  /** Whether `tryAcquire` would admit the same call, without taking anything. */
  check(key: string, cost = 1, now = this.clock.now()): boolean {
    return this.retryAfterMs(key, cost, now) === 0;
  }

  /**
   * Milliseconds after `now` from which the same call is admitted: 0 if it is now, `Infinity` if it never will be.
   * `ahead` (default 0) is what others will have taken before it.
   */
  retryAfterMs(key: string, cost = 1, now = this.clock.now(), ahead = 0): number {
    if (this.#closed) return Number.POSITIVE_INFINITY;
    if (this.#shadow || this.isExempt(key)) return 0;
    const own = this.#ownWaitMs(key, cost, now, ahead);
    return this.parent === undefined ? own : Math.max(own, this.parent.retryAfterMs(cost, now, ahead));
  }

  /**
   * Takes `ctx.cost` tokens of `key`, or rejects at once with `RejectedError`: per client nobody waits.
   * @throws RangeError (as a rejection) for what is no cost, or above what `key` can ever be admitted for.
   */
  async acquire(key: string, ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    this.#enter(key, ctx);
  }

  /** Calls `fn` if `key` is admitted, as `acquire` would be. Its result and its errors pass untouched. */
  execute<T>(key: string, fn: () => T | PromiseLike<T>): Promise<T>;
  execute<T, C extends CallContext>(key: string, fn: (ctx: C) => T | PromiseLike<T>, ctx: C): Promise<T>;
  async execute<T>(
    key: string,
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    this.#enter(key, ctx);
    return fn(ctx);
  }

  /** One client as a limit of its own: for `AllOf`, for `compose`, or to pass on. Holds no state. */
  client(key: string): ClientBudget {
    return new ClientBudget(this, key);
  }

  /** How the limiter stands and what it has done. */
  stats(): PerClientRateLimiterStats {
    return {
      clients: this.ledger.count(this.time(this.clock.now())),
      maxKeys: this.#maxKeys,
      bytes: this.ledger.bytes,
      admitted: this.#admitted,
      rejected: this.#rejected,
      shadowed: this.#shadowed,
      offenders: this.#offenders.top(),
    };
  }

  /** Admits nobody from now on. Resolves at once: nobody waits here. */
  async close(): Promise<void> {
    this.#closed = true;
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(key: string, cost: number, now: number): boolean {
    if (this.isExempt(key)) return true;
    const ledger = this.ledger;
    const t = this.open(key, now);
    const { limit, tat } = ledger;
    const admitted =
      gcra.isPossible(limit, cost) &&
      gcra.admits(limit, tat, cost, t) &&
      (this.parent === undefined || this.parent.tryAcquire(cost, now));
    if (admitted) ledger.settle(gcra.charge(limit, tat, cost, t), t);
    else this.#offenders.add(key, ledger.low, ledger.high);
    return admitted;
  }

  #ownWaitMs(key: string, cost: number, now: number, ahead: number): number {
    const t = this.open(key, now);
    const { limit } = this.ledger;
    if (!gcra.isPossible(limit, cost)) return Number.POSITIVE_INFINITY;
    const tat = ahead > 0 ? gcra.charge(limit, this.ledger.tat, ahead, t) : this.ledger.tat;
    if (gcra.admits(limit, tat, cost, t)) return 0;
    return gcra.untilTime(gcra.admissionTime(limit, tat, cost), this.start, now);
  }

  #enter(key: string, ctx: CallContext): void {
    const over = rejectionAtEntry(ctx, this.clock, this.name);
    if (over !== undefined) {
      this.#rejected++;
      throw over;
    }
    const { cost = 1 } = ctx;
    const now = this.clock.now();
    if (!this.tryAcquire(key, cost, now)) throw this.#rejection(key, cost, now);
  }

  #rejection(key: string, cost: number, now: number): Error {
    if (this.#closed) return new RejectedError('SHUTTING_DOWN', this.name);
    const maxCost = this.maxCost(key);
    // Where nothing is ever admitted, at rate 0, it is not the cost that is wrong.
    if (maxCost > 0 && !(cost >= 0 && cost <= maxCost)) {
      return new RangeError(`cost must be a number from 0 to ${maxCost}, got ${cost}`);
    }
    const retryAfterMs = this.retryAfterMs(key, cost, now);
    const isParents = this.#ownWaitMs(key, cost, now, 0) < retryAfterMs;
    const limiter = isParents && this.parent !== undefined ? this.parent.name : this.name;
    return new RejectedError(
      'RATE_LIMITED',
      limiter,
      Number.isFinite(retryAfterMs) ? { retryAfterMs } : undefined,
    );
  }
}
