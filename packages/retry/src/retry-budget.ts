import { type Clock, systemClock } from '@bp/core';
import { checkBetween, checkClock, checkNonNegative, checkOptions, checkPositive } from '@bp/core/kit';

/** Options of `RetryBudget`. */
export interface RetryBudgetOptions {
  /** Retries that each request pays for (0 to 1): how much retries may add to the load. Default: 0.1. */
  readonly share?: number | undefined;
  /** Retries a window that nobody needs to pay for, so that those who ask rarely may retry too (>= 0). Default: 10. */
  readonly minRetries?: number | undefined;
  /** Milliseconds in which `minRetries` come back (> 0). Default: 10 000. */
  readonly windowMs?: number | undefined;
  /** The most that can be saved up for a bad moment, in retries (>= `minRetries`). Default: 100, at least `minRetries`. */
  readonly maxSaved?: number | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** A snapshot of a `RetryBudget`: a gauge and counters that only grow. */
export interface RetryBudgetStats {
  /** Retries that could be made now. */
  readonly available: number;
  /** Requests that paid in. */
  readonly requests: number;
  /** Retries paid for. */
  readonly retries: number;
  /** Those of them that were given back, because they were not made. */
  readonly refunded: number;
  /** Retries that could not be paid for. */
  readonly rejected: number;
}

/** Sums of shares such as ten times 0.1 miss whole numbers by less than this. */
const ROUNDING = 1e-9;

/**
 * How many retries a client may make, however much fails: what cannot be paid for is not retried. Share one between
 * all callers of a dependency.
 *
 * Each request pays `share` in, each retry takes 1 out, and below `minRetries` time fills it up. So in any stretch of
 * time retries are at most what was saved before it (never more than `maxSaved`), `share` of the requests in it, and
 * `minRetries` a window; a new budget begins with `minRetries`.
 */
export class RetryBudget {
  readonly #share: number;
  readonly #minRetries: number;
  readonly #windowMs: number;
  readonly #maxSaved: number;
  readonly #clock: Clock;
  #saved: number;
  #filledAt: number;
  #requests = 0;
  #retries = 0;
  #refunded = 0;
  #rejected = 0;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: RetryBudgetOptions = {}) {
    checkOptions(options);
    this.#share = checkBetween('share', options.share ?? 0.1, 0, 1);
    this.#minRetries = checkNonNegative('minRetries', options.minRetries ?? 10);
    this.#windowMs = checkPositive('windowMs', options.windowMs ?? 10_000);
    this.#maxSaved = checkNonNegative('maxSaved', options.maxSaved ?? Math.max(100, this.#minRetries));
    if (this.#maxSaved < this.#minRetries) {
      throw new RangeError(
        `maxSaved must be at least minRetries = ${this.#minRetries}, got ${this.#maxSaved}`,
      );
    }
    this.#clock = checkClock('clock', options.clock ?? systemClock);
    this.#saved = this.#minRetries;
    this.#filledAt = this.#clock.now();
  }

  /** Pays in for a request: for its first try, not for those that follow. */
  recordRequest(): void {
    this.#fill();
    this.#requests++;
    this.#saved = Math.min(this.#maxSaved, this.#saved + this.#share);
  }

  /** Takes out one retry, or says that there is none. Never throws, allocates nothing. */
  tryAcquire(): boolean {
    this.#fill();
    if (this.#saved < 1 - ROUNDING) {
      this.#rejected++;
      return false;
    }
    this.#saved -= 1;
    this.#retries++;
    return true;
  }

  /** Gives back a retry that was taken out and not made. */
  refund(): void {
    this.#refunded++;
    this.#saved = Math.min(this.#maxSaved, this.#saved + 1);
  }

  /** A snapshot; reading it costs nobody else anything. */
  stats(): RetryBudgetStats {
    this.#fill();
    return {
      available: Math.max(0, Math.floor(this.#saved + ROUNDING)),
      requests: this.#requests,
      retries: this.#retries,
      refunded: this.#refunded,
      rejected: this.#rejected,
    };
  }

  /** Time fills up to the floor only; time that goes backwards fills nothing. */
  #fill(): void {
    const now = this.#clock.now();
    const elapsedMs = now - this.#filledAt;
    if (!(elapsedMs > 0)) return;
    this.#filledAt = now;
    if (this.#saved >= this.#minRetries) return;
    this.#saved = Math.min(this.#minRetries, this.#saved + (elapsedMs * this.#minRetries) / this.#windowMs);
  }
}
