import { checkPositive } from '@bp/core';

/** A rate and a burst, with what the algorithm derives from them. */
export interface Limit {
  /** Tokens per `intervalMs`; 0 never refills, `Infinity` never refuses. */
  readonly rate: number;
  /** Milliseconds in which `rate` tokens come back. */
  readonly intervalMs: number;
  /** Tokens that can be taken at once after a rest; `Infinity` at an infinite rate. */
  readonly burst: number;
  /** Milliseconds one token takes to come back: the emission interval of GCRA. */
  readonly tokenMs: number;
  /** Milliseconds an empty bucket takes to fill: the delay tolerance of GCRA. */
  readonly burstMs: number;
  /** What sums of `tokenMs` may be off by for having been rounded. */
  readonly slackMs: number;
}

/** Times that differ by less than this fraction of themselves, a trillionth, are the same time. */
export const TIME_PRECISION = 2 ** -40;

/** @throws TypeError or RangeError naming `name` unless `rate` is a number of at least 0 or `Infinity`. */
export function checkRate(name: string, rate: unknown): number {
  return rate === 0 || rate === Number.POSITIVE_INFINITY ? rate : checkPositive(name, rate);
}

/** The burst a rate comes with when none is given: what one interval brings, at least 1. */
export function defaultBurst(rate: number): number {
  return Math.max(1, rate);
}

/**
 * Takes values that have been checked one by one.
 * @throws RangeError if together they make a bucket that takes longer to fill than a number can say.
 */
export function createLimit(rate: number, intervalMs: number, burst: number): Limit {
  if (rate === Number.POSITIVE_INFINITY) {
    return { rate, intervalMs, burst: rate, tokenMs: 0, burstMs: 0, slackMs: 0 };
  }
  // At rate 0 time stands still for the bucket, so any unit will do to count what was spent.
  const tokenMs = rate === 0 ? 1 : intervalMs / rate;
  const burstMs = burst * tokenMs;
  if (!Number.isFinite(burstMs)) {
    throw new RangeError(
      `rate must let the burst come back in finite time, got ${rate} per ${intervalMs} ms`,
    );
  }
  return { rate, intervalMs, burst, tokenMs, burstMs, slackMs: burstMs * TIME_PRECISION };
}
