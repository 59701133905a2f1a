import { checkBetween, checkNonNegative, checkOptions, checkPositive, optionNames } from '@bp/core/kit';
import {
  DEFAULT_INTERVAL_MS,
  deriveLimit,
  type Limit,
  type LimitOptions,
  type RateOptions,
  resolveLimit,
} from '../gcra/limit.ts';
import {
  type ResolvedWaitingOptions,
  resolveWaitingOptions,
  WAITING_OPTIONS,
  type WaitingOptions,
} from '../waiting/options.ts';

/** Options of `TokenBucket`. */
export interface TokenBucketOptions extends LimitOptions, WaitingOptions {
  /** Starts slowly, for a dependency with cold caches. Needs a finite rate above 0. Default: full rate from the start. */
  readonly warmUp?: WarmUpOptions | undefined;
}

/** A ramp from a fraction of the rate to the full rate. */
export interface WarmUpOptions {
  /** Milliseconds that the ramp takes (> 0). */
  readonly durationMs: number;
  /** The divisor of the rate at the start (1 to 1000). Default: 3. */
  readonly coldFactor?: number | undefined;
}

/** Options of `LeakyBucket`. */
export interface LeakyBucketOptions extends RateOptions, WaitingOptions {
  /**
   * Tokens that the bucket holds before it overflows (> 0), and the highest cost that can be admitted. Ignored at an infinite
   * rate.
   */
  readonly capacity: number;
}

/** Options of `LeakyBucketShaper`. */
export interface LeakyBucketShaperOptions extends RateOptions, Omit<WaitingOptions, 'shadow'> {
  /** The highest sum of the costs that wait (> 0), and the highest cost that can be admitted. */
  readonly capacity: number;
  /**
   * Tokens that may be released at once to make up for idle time or for late timers of the platform (>= 0). With 0 releases
   * are always spaced, and a rate of more than a few hundred per second is not reached. Default: 0.
   */
  readonly burst?: number | undefined;
}

/** The options of `setLimit` of a token bucket. Fields that are left out stay as they are. */
export type TokenBucketChange = Partial<Pick<TokenBucketOptions, 'rate' | 'intervalMs' | 'burst'>>;

/** The options of `setLimit` of a leaky bucket. Fields that are left out stay as they are. */
export type LeakyBucketChange = Partial<Pick<LeakyBucketOptions, 'rate' | 'intervalMs' | 'capacity'>>;

/** The options of `setLimit` of a shaper. Fields that are left out stay as they are. */
export type LeakyBucketShaperChange = Partial<
  Pick<LeakyBucketShaperOptions, 'rate' | 'intervalMs' | 'capacity' | 'burst'>
>;

/** The options of a bucket with their defaults. */
export interface ResolvedBucketOptions extends ResolvedWaitingOptions {
  readonly limit: Limit;
}

/** The options of a token bucket with their defaults. */
export interface ResolvedTokenBucketOptions extends ResolvedBucketOptions {
  readonly warmUp: Required<{ [K in keyof WarmUpOptions]: number }> | undefined;
}

/** The options of a shaper with their defaults. */
export interface ResolvedShaperOptions extends ResolvedBucketOptions {
  readonly capacity: number;
}

const RATE_OPTIONS = { rate: true, intervalMs: true } as const;

export const TOKEN_BUCKET_CHANGE = /* @__PURE__ */ optionNames<TokenBucketChange>({
  ...RATE_OPTIONS,
  burst: true,
});
export const LEAKY_BUCKET_CHANGE = /* @__PURE__ */ optionNames<LeakyBucketChange>({
  ...RATE_OPTIONS,
  capacity: true,
});
export const SHAPER_CHANGE = /* @__PURE__ */ optionNames<LeakyBucketShaperChange>({
  ...RATE_OPTIONS,
  burst: true,
  capacity: true,
});
const WARM_UP_OPTIONS = /* @__PURE__ */ optionNames<WarmUpOptions>({ durationMs: true, coldFactor: true });
const TOKEN_BUCKET_OPTIONS = /* @__PURE__ */ optionNames<TokenBucketOptions>({
  ...WAITING_OPTIONS,
  ...RATE_OPTIONS,
  burst: true,
  warmUp: true,
});
const LEAKY_BUCKET_OPTIONS = /* @__PURE__ */ optionNames<LeakyBucketOptions>({
  ...WAITING_OPTIONS,
  ...RATE_OPTIONS,
  capacity: true,
});
const SHAPER_OPTIONS = /* @__PURE__ */ optionNames<LeakyBucketShaperOptions>({
  ...RATE_OPTIONS,
  name: true,
  clock: true,
  maxQueue: true,
  burst: true,
  capacity: true,
});

const DEFAULT_COLD_FACTOR = 3;
const MAX_COLD_FACTOR = 1000;

/** Checks options and applies defaults. @throws TypeError or RangeError naming the first wrong option; as do all below. */
export function resolveTokenBucketOptions(options: TokenBucketOptions): ResolvedTokenBucketOptions {
  const { warmUp } = checkOptions(options, TOKEN_BUCKET_OPTIONS);
  const limit = resolveLimit(options);
  return {
    ...resolveWaitingOptions(options, 'token-bucket'),
    limit,
    warmUp: warmUp === undefined ? undefined : resolveWarmUp(warmUp, limit),
  };
}

export function resolveLeakyBucketOptions(options: LeakyBucketOptions): ResolvedBucketOptions {
  checkOptions(options, LEAKY_BUCKET_OPTIONS);
  return { ...resolveWaitingOptions(options, 'leaky-bucket'), limit: resolveCapacity(options) };
}

export function resolveCapacity({ rate, intervalMs, capacity }: LeakyBucketOptions): Limit {
  const limit = { rate, intervalMs, burst: checkPositive('capacity', capacity) };
  return resolveLimit(limit, { burstName: 'capacity' });
}

export function resolveShaperOptions(options: LeakyBucketShaperOptions): ResolvedShaperOptions {
  checkOptions(options, SHAPER_OPTIONS);
  return { ...resolveWaitingOptions(options, 'leaky-bucket-shaper'), ...resolveShaperSize(options) };
}

export function resolveShaperSize(
  options: LeakyBucketShaperOptions,
): Pick<ResolvedShaperOptions, 'limit' | 'capacity'> {
  const { rate, intervalMs = DEFAULT_INTERVAL_MS, capacity, burst = 0 } = options;
  if (rate !== Number.POSITIVE_INFINITY) checkPositive('rate', rate);
  checkPositive('intervalMs', intervalMs);
  checkNonNegative('burst', burst);
  return { limit: deriveLimit(rate, intervalMs, burst), capacity: checkPositive('capacity', capacity) };
}

function resolveWarmUp(
  options: WarmUpOptions,
  { rate }: Limit,
): NonNullable<ResolvedTokenBucketOptions['warmUp']> {
  checkOptions(options, WARM_UP_OPTIONS, 'warmUp');
  const durationMs = checkPositive('warmUp.durationMs', options.durationMs);
  const coldFactor = options.coldFactor ?? DEFAULT_COLD_FACTOR;
  checkBetween('warmUp.coldFactor', coldFactor, 1, MAX_COLD_FACTOR);
  if (rate === 0 || rate === Number.POSITIVE_INFINITY) {
    throw new RangeError(`rate must be a finite number above 0 with warmUp, got ${rate}`);
  }
  return { durationMs, coldFactor };
}
