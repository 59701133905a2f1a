/** A snapshot of what retries: gauges and counters. */
export interface RetryStats {
  /** Calls that run or pause now. */
  readonly active: number;
  /** Those of them that pause before their next attempt. */
  readonly paused: number;
  /** Calls admitted so far. */
  readonly admitted: number;
  /** Attempts made so far: `admitted` and all retries. */
  readonly attempts: number;
  /** Calls rejected on arrival (over, too little time, closing) or while they paused. */
  readonly rejected: number;
  /** Calls that were not retried because they had made `maxAttempts`. */
  readonly outOfAttempts: number;
  /** Calls that were not retried because the deadline left no time. */
  readonly outOfTime: number;
  /** Calls that were not retried because the budget was spent. */
  readonly outOfBudget: number;
  /** Calls that were not retried because `maxPauses` calls paused. */
  readonly outOfPauses: number;
  /** Calls that were not retried because the server delay was longer than `maxRetryAfterMs`, or `Infinity`. */
  readonly delayTooLong: number;
  /** Calls that ended while they paused: cancelled, out of time or closing. */
  readonly abandoned: number;
}

/** Why a call is not retried though its attempt was not final. */
export type StopReason = 'outOfAttempts' | 'outOfTime' | 'outOfBudget' | 'outOfPauses' | 'delayTooLong';
