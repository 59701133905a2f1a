import { type CallContext, type Clock, type Policy, RejectedError, systemClock } from '@bp/core';
import {
  checkClock,
  checkFunction,
  checkName,
  checkOptions,
  checkPositive,
  EMPTY_CONTEXT,
  rejectedPromise,
  rejectionAtEntry,
} from '@bp/core/kit';
import { outcomeOf } from './outcome.ts';
import { createWindow } from './window.ts';

/** Options of `AdaptiveThrottle`. */
export interface AdaptiveThrottleOptions {
  /** How many calls are tried for each that succeeds before any is rejected (>= 1). Default: 2. */
  readonly k?: number | undefined;
  /** Milliseconds of the past that count (> 0). Default: 120 000. */
  readonly windowMs?: number | undefined;
  /** What it is called in rejections (1 to 100 characters). Default: `adaptive-throttle`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Numbers from 0 to 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** A snapshot of an `AdaptiveThrottle`. */
export interface AdaptiveThrottleStats {
  /** Calls of the window that were let through, and how many of them the dependency accepted. */
  readonly requests: number;
  readonly accepts: number;
  /** The share of calls that is rejected now, 0 to 1. */
  readonly rejectionShare: number;
}

/**
 * The soft breaker: instead of all or nothing it rejects in proportion to how much of the load the dependency fails,
 * with probability `max(0, (requests - k * accepts) / (requests + 1))`, rejected calls counted among the requests.
 *
 * Source: B. Beyer et al., Site Reliability Engineering, chapter 21, "Client-Side Throttling".
 */
export class AdaptiveThrottle implements Policy {
  readonly #k: number;
  readonly #windowMs: number;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Every request is a call here; those that were not accepted are its failures. */
  readonly #window;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: AdaptiveThrottleOptions = {}) {
    const { k = 2, windowMs = 120_000, name, clock, random } = checkOptions(options);
    this.#k = checkPositive('k', k);
    if (k < 1) throw new RangeError(`k must be at least 1, got ${k}`);
    this.#windowMs = checkPositive('windowMs', windowMs);
    this.#name = checkName('name', name ?? 'adaptive-throttle');
    this.#clock = checkClock('clock', clock ?? systemClock);
    this.#random = checkFunction('random', random ?? Math.random);
    this.#window = createWindow({ ms: this.#windowMs });
  }

  /**
   * Calls `fn`, or rejects with `CIRCUIT_OPEN` and the time in which a tenth of the window passes. Rejections that `fn`
   * throws and the caller's cancellation count neither way.
   */
  execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    const over = rejectionAtEntry(ctx, this.#clock, this.#name);
    if (over !== undefined) return rejectedPromise(over);
    if (this.#random() < this.stats().rejectionShare) {
      this.#record(true);
      const retryAfterMs = this.#windowMs / 10;
      return rejectedPromise(new RejectedError('CIRCUIT_OPEN', this.#name, { retryAfterMs }));
    }
    return this.#run(fn, ctx);
  }

  /** A snapshot; reading it costs nobody else anything. */
  stats(): AdaptiveThrottleStats {
    this.#window.expire(this.#clock.now());
    const requests = this.#window.calls;
    const accepts = requests - this.#window.failures;
    return {
      requests,
      accepts,
      rejectionShare: Math.max(0, (requests - this.#k * accepts) / (requests + 1)),
    };
  }

  async #run<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext): Promise<T> {
    try {
      const result = await fn(ctx);
      this.#record(false);
      return result;
    } catch (error) {
      if (outcomeOf(error, ctx) === 'failure') this.#record(true);
      throw error;
    }
  }

  #record(failed: boolean): void {
    this.#window.record(failed, false, this.#clock.now());
  }
}
