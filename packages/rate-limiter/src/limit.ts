import { checkNonNegative, checkPositive } from '@bp/core/kit';
import { rounding } from './gcra.ts';

/** A rate and a burst, with what the algorithm derives from them. */
export interface Limit {
  /** Tokens per `intervalMs`; 0 never refills, `Infinity` never rejects. */
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

/**
 * @param burst - called `burstName` where it came from; undefined for what one interval brings, at least 1.
 * @throws TypeError or RangeError if a value is wrong, or if the bucket would take longer to fill than a number can say.
 */
export function createLimit(
  rate: number,
  intervalMs: number,
  burst: number | undefined,
  burstName = 'burst',
): Limit {
  if (rate !== Number.POSITIVE_INFINITY) checkNonNegative('rate', rate);
  checkPositive('intervalMs', intervalMs);
  if (burst !== undefined) checkPositive(burstName, burst);
  return deriveLimit(rate, intervalMs, burst ?? Math.max(1, rate));
}

/** The same for values that have been checked, with a burst of 0 too. */
export function deriveLimit(rate: number, intervalMs: number, burst: number): Limit {
  if (rate === Number.POSITIVE_INFINITY) {
    return { rate, intervalMs, burst: rate, tokenMs: 0, burstMs: 0, slackMs: 0 };
  }
  // At rate 0 time stands still for the bucket, so any unit will do to count what was spent.
  const tokenMs = rate === 0 ? 1 : intervalMs / rate;
  const burstMs = burst * tokenMs;
  if (!Number.isFinite(tokenMs) || !Number.isFinite(burstMs)) {
    throw new RangeError(`rate must bring the burst back in finite time, got ${rate} per ${intervalMs} ms`);
  }
  return { rate, intervalMs, burst, tokenMs, burstMs, slackMs: rounding(burstMs) };
}
