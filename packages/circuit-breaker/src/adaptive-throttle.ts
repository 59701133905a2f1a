import {
  type CallContext,
  type Clock,
  type Policy,
  RejectedError,
  systemClock,
  type Unsubscribe,
} from '@bp/core';
import {
  checkClock,
  checkFunction,
  checkName,
  checkOptions,
  checkPositive,
  EMPTY_CONTEXT,
  neverThrowing,
  optionNames,
  Rejections,
  rejectedPromise,
  rejectionAtEntry,
  rejectionIfOver,
} from '@bp/core/kit';
import { createWindow } from './call-window.ts';
import { outcomeOfError, type TimeoutRule } from './outcome.ts';

/** Options of `AdaptiveThrottle`. */
export interface AdaptiveThrottleOptions {
  /** Calls that are sent for each one that succeeds before any is rejected (>= 1). Default: 2. */
  readonly k?: number | undefined;
  /** Milliseconds of the past that count (> 0). Default: 120 000. */
  readonly windowMs?: number | undefined;
  /** As `minTimeoutMs` of `CircuitBreaker`: the time from which a missed deadline is a failure. */
  readonly minTimeoutMs?: number | undefined;
  /** The `rejectedBy` of its rejections (1 to 100 characters). Default: `adaptive-throttle`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Returns numbers from 0 to 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** A snapshot of an `AdaptiveThrottle`. */
export interface AdaptiveThrottleStats {
  /** Calls of the window, rejected ones included, and how many of them succeeded. */
  readonly requests: number;
  readonly accepts: number;
  /** The share of calls that is rejected now, 0 to 1. */
  readonly rejectionShare: number;
  /** Calls sent and rejected so far. */
  readonly admitted: number;
  readonly rejected: number;
}

const THROTTLE_OPTIONS = /* @__PURE__ */ optionNames<AdaptiveThrottleOptions>({
  k: true,
  windowMs: true,
  minTimeoutMs: true,
  name: true,
  clock: true,
  random: true,
});

/** At least one call in this time is sent, whatever the share: it notices that the dependency has recovered. */
const PROBE_EVERY_MS = 100;
/** Successes in a row, of calls that began after the last one that failed, that end the throttling. */
const RECOVERED_AFTER = 10;
/** Milliseconds in which a recovery is noticed. */
const NOTICED_MS = PROBE_EVERY_MS * RECOVERED_AFTER;

/**
 * Rejects calls in proportion to how much of the load the dependency fails, where a breaker rejects all or none: with
 * probability `max(0, (requests - k * accepts) / (requests + 1))`, rejected calls counted among the requests.
 *
 * It recovers quickly from any history: one call in 100 ms is always sent, and ten successes in a row clear the window.
 *
 * Source: B. Beyer et al., Site Reliability Engineering, chapter 21, "Client-Side Throttling".
 */
export class AdaptiveThrottle implements Policy {
  readonly #k: number;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #timeoutRule: TimeoutRule;
  readonly #rejections: Rejections;
  /** Every request is a call here; those that were not accepted are its failures. */
  readonly #window;
  /** The number that decides about the next call. Drawn in advance, so that `check` agrees with `execute`. */
  #draw: number;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** The numbers, in the order of their starts, of the last call that failed and of the first success in a row. */
  #lastFailed = 0;
  #firstInRow = 0;
  #successesInRow = 0;
  #admitted = 0;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: AdaptiveThrottleOptions = {}) {
    const {
      k = 2,
      windowMs = 120_000,
      minTimeoutMs,
      name,
      clock,
      random,
    } = checkOptions(options, THROTTLE_OPTIONS);
    this.#k = checkPositive('k', k);
    if (k < 1) throw new RangeError(`k must be at least 1, got ${k}`);
    this.#window = createWindow({ ms: checkPositive('windowMs', windowMs) });
    this.#name = checkName('name', name ?? 'adaptive-throttle');
    this.#clock = checkClock('clock', clock ?? systemClock);
    this.#random = neverThrowing(checkFunction('random', random ?? Math.random), () => 1);
    this.#timeoutRule = {
      minTimeoutMs: minTimeoutMs === undefined ? undefined : checkPositive('minTimeoutMs', minTimeoutMs),
      clock: this.#clock,
    };
    this.#rejections = new Rejections(this.#name);
    this.#draw = this.#random();
  }

  /**
   * Calls `fn`, or rejects with `CIRCUIT_OPEN` and a `retryAfterMs` of at most two seconds: one to two seconds times the share
   * of calls that is rejected. Rejects with `DEADLINE_EXCEEDED` or `CANCELLED` if `ctx` is over already.
   *
   * Rejections that `fn` throws, the caller's cancellation and a deadline below `minTimeoutMs` count neither way.
   */
  async execute<T>(
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    const now = this.#clock.now();
    // A wrong deadline is an error of the caller here.
    const rejection = rejectionAtEntry(ctx, this.#clock, this.#name) ?? this.check(ctx);
    if (rejection === undefined || rejection.code === 'CIRCUIT_OPEN') this.#draw = this.#random();
    if (rejection !== undefined) {
      if (rejection.code === 'CIRCUIT_OPEN') this.#window.record(true, false, now);
      return rejectedPromise(this.#rejections.record(rejection));
    }
    const call = ++this.#admitted;
    this.#sentAt = now;
    try {
      const result = await fn(ctx);
      this.#onSuccess(call);
      return result;
    } catch (error) {
      if (outcomeOfError(error, ctx, now, this.#timeoutRule) === 'failure') this.#onFailure(call);
      throw error;
    }
  }

  /**
   * Returns the rejection with which `execute` would reject now, or undefined. Counts nothing and notifies no listener. Never
   * throws: a wrong deadline counts as one that has passed.
   */
  check(ctx: CallContext = EMPTY_CONTEXT): RejectedError | undefined {
    const over = rejectionIfOver(ctx, this.#clock, this.#name);
    if (over !== undefined) return over;
    const share = this.#rejectionShare();
    if (!(this.#draw < share) || this.#clock.now() - this.#sentAt >= PROBE_EVERY_MS) return undefined;
    // The draw is even between 0 and the share here: it spreads the calls over one to two times the wait.
    const retryAfterMs = Math.max(1, NOTICED_MS * (share + this.#draw));
    return new RejectedError('CIRCUIT_OPEN', this.#name, { retryAfterMs });
  }

  /** Calls `listener` once for every rejection. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#rejections.onRejected(listener);
  }

  /** Returns a snapshot of its gauges and counters. */
  stats(): AdaptiveThrottleStats {
    const rejectionShare = this.#rejectionShare();
    return {
      requests: this.#window.calls,
      accepts: this.#window.calls - this.#window.failures,
      rejectionShare,
      admitted: this.#admitted,
      rejected: this.#rejections.count,
    };
  }

  #rejectionShare(): number {
    const window = this.#window;
    window.expire(this.#clock.now());
    const accepts = window.calls - window.failures;
    return Math.max(0, (window.calls - this.#k * accepts) / (window.calls + 1));
  }

  #onSuccess(call: number): void {
    this.#window.record(false, false, this.#clock.now());
    if (call < this.#lastFailed) return;
    if (this.#successesInRow === 0) this.#firstInRow = call;
    this.#successesInRow++;
    if (this.#successesInRow === RECOVERED_AFTER) this.#window.clear();
  }

  #onFailure(call: number): void {
    const isLate = call < this.#firstInRow;
    // A call that began before the recovery and fails after it tells nothing about the dependency now.
    if (isLate && this.#successesInRow >= RECOVERED_AFTER) return;
    this.#window.record(true, false, this.#clock.now());
    this.#lastFailed = Math.max(this.#lastFailed, call);
    if (!isLate) this.#successesInRow = 0;
  }
}
