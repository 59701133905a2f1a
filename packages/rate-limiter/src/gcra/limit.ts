import { checkNonNegative, checkPositive } from '@bp/core/kit';

/** The rate of a limit. */
export interface RateOptions {
  /**
   * Tokens that come back per `intervalMs`, continuously; fractions are allowed. With 0 a bucket grants its burst once and
   * a client of `PerClientRateLimiter` nothing. `Infinity` never rejects.
   */
  readonly rate: number;
  /** Milliseconds in which `rate` tokens come back (> 0). Default: 1000. */
  readonly intervalMs?: number | undefined;
}

/** A rate and a burst. */
export interface LimitOptions extends RateOptions {
  /**
   * Tokens of a full bucket (> 0): what may be taken at once after a rest, and the highest cost that can be admitted.
   * Default: `rate`, at least 1. Ignored at an infinite rate.
   */
  readonly burst?: number | undefined;
}

/** A rate and a burst, with the values that the algorithm derives from them. */
export interface Limit {
  /** Tokens per `intervalMs`; 0 never refills, `Infinity` never rejects. */
  readonly rate: number;
  /** Milliseconds in which `rate` tokens come back. */
  readonly intervalMs: number;
  /** Tokens of a full bucket; `Infinity` at an infinite rate. */
  readonly burst: number;
  /** Milliseconds in which one token comes back: the emission interval of GCRA. */
  readonly tokenMs: number;
  /** Milliseconds in which an empty bucket fills up: the delay tolerance of GCRA. */
  readonly burstMs: number;
  /** Rounding error, in milliseconds, that a comparison must tolerate: at most half a token. */
  readonly slackMs: number;
}

/** The default of `intervalMs`. */
export const DEFAULT_INTERVAL_MS = 1000;

/** The default of `burst`: the tokens of one interval, at least 1. */
export function defaultBurst(rate: number): number {
  return Math.max(1, rate);
}

/** Where the values of a limit come from, and how precisely the debt under it is kept. */
export interface LimitSource {
  /** The prefix of option names in error messages, such as `tiers.gold.`. Default: none. */
  readonly path?: string;
  /** The option that holds the burst. Default: `burst`. */
  readonly burstName?: string;
  /** The largest rounding error of one charge, in milliseconds, beyond that of the sum itself. Default: 0. */
  readonly roundingMs?: number;
}

/**
 * Checks the options of a limit and applies their defaults.
 * @throws TypeError or RangeError naming the wrong option, or if the bucket would never fill up in finite time.
 */
export function resolveLimit(options: LimitOptions, source: LimitSource = {}): Limit {
  const { path = '', burstName = 'burst', roundingMs } = source;
  const { rate, intervalMs = DEFAULT_INTERVAL_MS, burst } = options;
  if (rate !== Number.POSITIVE_INFINITY) checkNonNegative(`${path}rate`, rate);
  checkPositive(`${path}intervalMs`, intervalMs);
  if (burst !== undefined) checkPositive(`${path}${burstName}`, burst);
  return deriveLimit(rate, intervalMs, burst ?? defaultBurst(rate), roundingMs, path);
}

/** Derives a limit from checked values; the burst may be 0. @throws RangeError as `resolveLimit` does. */
export function deriveLimit(
  rate: number,
  intervalMs: number,
  burst: number,
  roundingMs = 0,
  path = '',
): Limit {
  if (rate === Number.POSITIVE_INFINITY) {
    return { rate, intervalMs, burst: rate, tokenMs: 0, burstMs: 0, slackMs: 0 };
  }
  // At rate 0 time stands still for the bucket, so any unit serves to count the tokens that were spent.
  const tokenMs = rate === 0 ? 1 : intervalMs / rate;
  const burstMs = burst * tokenMs;
  if (!Number.isFinite(tokenMs) || !Number.isFinite(burstMs)) {
    throw new RangeError(
      `${path}rate must bring the burst back in finite time, got ${rate} per ${intervalMs} ms and a burst of ${burst}`,
    );
  }
  return { rate, intervalMs, burst, tokenMs, burstMs, slackMs: slack(tokenMs, burst, roundingMs) };
}

/** The error after as many charges as there are tokens in the burst, and a few operations more. */
function slack(tokenMs: number, burst: number, roundingMs: number): number {
  const burstMs = burst * tokenMs;
  const accumulated = (burst + 4) * (roundingMs + burstMs * Number.EPSILON);
  return Math.min(tokenMs / 2, burstMs * 2 ** -40 + accumulated);
}
