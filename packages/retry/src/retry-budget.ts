import { type Clock, systemClock } from '@bp/core';
import {
  checkBetween,
  checkClock,
  checkNonNegative,
  checkOptions,
  checkPositive,
  optionNames,
} from '@bp/core/kit';

/** Options of `RetryBudget`. */
export interface RetryBudgetOptions {
  /** Retries that each request adds (0 to 1): by how much retries may increase the load. Default: 0.1. */
  readonly share?: number | undefined;
  /**
   * Retries in `windowMs` without any request, so that rare callers may retry too (>= 0). Below 1 it takes
   * `windowMs / minRetries` to earn one. Default: 10.
   */
  readonly minRetries?: number | undefined;
  /** Milliseconds in which `minRetries` are earned (> 0). Default: 10 000. */
  readonly windowMs?: number | undefined;
  /** The most retries that can be saved (>= 1, >= `minRetries`). Default: 100, at least `minRetries`. */
  readonly maxSaved?: number | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** A snapshot of a `RetryBudget`: a gauge and counters. */
export interface RetryBudgetStats {
  /** Retries that are granted now. */
  readonly available: number;
  /** Requests that added their share. */
  readonly requests: number;
  /** Retries granted. */
  readonly retries: number;
  /** Retries that were given back because they were not made. */
  readonly refunded: number;
  /** Retries that were not granted. */
  readonly rejected: number;
}

const BUDGET_OPTIONS = /* @__PURE__ */ optionNames<RetryBudgetOptions>({
  share: true,
  minRetries: true,
  windowMs: true,
  maxSaved: true,
  clock: true,
});

/** Sums of shares such as ten times 0.1 miss whole numbers by less than this. */
const ROUNDING = 1e-9;

/**
 * Bounds the retries of a client, however much fails. Share one between all callers of a dependency.
 *
 * Each request adds `share`, each retry takes 1, and time fills it up to `minRetries` (at least 1 if `minRetries` is above 0). In
 * any stretch of time, retries are at most what was saved before it (never more than `maxSaved`), `share` of the requests in
 * it, and `minRetries` for each `windowMs`. A new budget holds `minRetries`.
 */
export class RetryBudget {
  readonly #share: number;
  readonly #minRetries: number;
  /** Up to where time fills it: a whole retry, or it would never grant one. */
  readonly #floor: number;
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
    checkOptions(options, BUDGET_OPTIONS);
    this.#share = checkBetween('share', options.share ?? 0.1, 0, 1);
    this.#minRetries = checkNonNegative('minRetries', options.minRetries ?? 10);
    this.#windowMs = checkPositive('windowMs', options.windowMs ?? 10_000);
    this.#maxSaved = checkNonNegative('maxSaved', options.maxSaved ?? Math.max(100, this.#minRetries));
    if (this.#maxSaved < Math.max(1, this.#minRetries)) {
      throw new RangeError(
        `maxSaved must be at least 1 and minRetries = ${this.#minRetries}, got ${this.#maxSaved}`,
      );
    }
    this.#floor = this.#minRetries > 0 ? Math.max(1, this.#minRetries) : 0;
    this.#clock = checkClock('clock', options.clock ?? systemClock);
    this.#saved = this.#minRetries;
    this.#filledAt = this.#clock.now();
  }

  /** Adds the share of a request: once for its first attempt. */
  recordRequest(): void {
    this.#fill();
    this.#requests++;
    this.#saved = Math.min(this.#maxSaved, this.#saved + this.#share);
  }

  /** Takes one retry; false if there is none. Never throws, allocates nothing. */
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

  /** Gives back a retry that was taken but not made. */
  refund(): void {
    this.#refunded++;
    this.#saved = Math.min(this.#maxSaved, this.#saved + 1);
  }

  /** Returns a snapshot of its gauge and counters. */
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

  /** Fills it up to the floor; time that goes backwards fills nothing. */
  #fill(): void {
    const now = this.#clock.now();
    const elapsedMs = now - this.#filledAt;
    if (!(elapsedMs > 0)) return;
    this.#filledAt = now;
    if (this.#saved >= this.#floor) return;
    this.#saved = Math.min(this.#floor, this.#saved + (elapsedMs * this.#minRetries) / this.#windowMs);
  }
}
