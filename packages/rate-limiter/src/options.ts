import { type Clock, systemClock } from '@bp/core';
import {
  checkBetween,
  checkBoolean,
  checkClock,
  checkInteger,
  checkName,
  checkNonNegative,
  checkOptions,
  checkPositive,
} from '@bp/core/kit';
import type { Budget } from './budget.ts';
import { createLimit, deriveLimit, type Limit } from './limit.ts';

/** The rate of a limiter. */
export interface RateOptions {
  /**
   * Tokens that come back per `intervalMs`, continuously; fractions too. 0 gives the burst once and no more (per client:
   * nothing at all), `Infinity` never rejects.
   */
  readonly rate: number;
  /** Milliseconds in which `rate` tokens come back (> 0). Default: 1000. */
  readonly intervalMs?: number | undefined;
}

/** What every limiter that can be waited for may be told. */
export interface WaitingOptions {
  /** What it is called in rejections (1 to 100 characters). Default: the class in kebab case. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** How many calls of `acquire` and `execute` may wait (>= 0); at 0 they reject at once. Default: 1000. */
  readonly maxQueue?: number | undefined;
  /**
   * Admit everything, and count in `stats().shadowed` what would have been rejected: for trying a limit on real traffic.
   * Default: false.
   */
  readonly shadow?: boolean | undefined;
}

/** Options of `TokenBucket`. */
export interface TokenBucketOptions extends RateOptions, WaitingOptions {
  /**
   * Tokens a full bucket holds (> 0): what may be taken at once after a rest, and the highest cost that can ever be
   * admitted. Default: `rate`, at least 1. Ignored at an infinite rate.
   */
  readonly burst?: number | undefined;
  /** Begin slowly, for what is cold at first. Needs a finite rate above 0. Default: none. */
  readonly warmUp?: WarmUpOptions | undefined;
}

/** A ramp from a fraction of the rate to all of it. */
export interface WarmUpOptions {
  /** Milliseconds the ramp takes (> 0). */
  readonly durationMs: number;
  /** What the rate is divided by at first (1 to 1000). Default: 3. */
  readonly coldFactor?: number | undefined;
}

/** Options of `LeakyBucket`. */
export interface LeakyBucketOptions extends RateOptions, WaitingOptions {
  /**
   * What the bucket holds before it overflows (> 0), and the highest cost that can ever be admitted. Ignored at an
   * infinite rate.
   */
  readonly capacity: number;
}

/** Options of `LeakyBucketShaper`. */
export interface LeakyBucketShaperOptions extends RateOptions, Omit<WaitingOptions, 'shadow'> {
  /** The sum of the costs that may wait (> 0). A single cost above it can never be admitted. */
  readonly capacity: number;
  /**
   * What may be released at once to make up for time in which nobody came or the platform's timers were late (>= 0).
   * At 0 releases are always spaced, and a rate of more than some hundred a second is not reached. Default: 0.
   */
  readonly burst?: number | undefined;
}

/** Options of `AllOf`. */
export interface AllOfOptions extends WaitingOptions {
  /** What every call has to be within, on the same clock: limiters, clients of limiters, other `AllOf`s. */
  readonly limits: readonly Budget[];
}

/** `WaitingOptions` as the code holds them: nothing is undefined. */
export type ResolvedWaitingOptions = {
  readonly [K in keyof WaitingOptions]-?: NonNullable<WaitingOptions[K]>;
};

/** `WarmUpOptions` as the code holds them. */
export type ResolvedWarmUpOptions = {
  readonly [K in keyof WarmUpOptions]-?: NonNullable<WarmUpOptions[K]>;
};

/** The options of a bucket as the code holds them. */
export interface ResolvedBucketOptions extends ResolvedWaitingOptions {
  readonly limit: Limit;
}

/** The options of a token bucket as the code holds them. */
export interface ResolvedTokenBucketOptions extends ResolvedBucketOptions {
  /** Undefined for a bucket that begins warm. */
  readonly warmUp: ResolvedWarmUpOptions | undefined;
}

/** The options of a shaper as the code holds them. */
export interface ResolvedShaperOptions extends ResolvedBucketOptions {
  readonly capacity: number;
}

export const DEFAULT_INTERVAL_MS = 1000;
const DEFAULT_MAX_WAITERS = 1000;
const DEFAULT_COLD_FACTOR = 3;

/** @throws TypeError or RangeError naming the first option that is wrong; so do all that follow. */
export function resolveWaitingOptions(options: WaitingOptions, name: string): ResolvedWaitingOptions {
  return {
    name: checkName('name', options.name ?? name),
    clock: checkClock('clock', options.clock ?? systemClock),
    maxQueue: checkInteger('maxQueue', options.maxQueue ?? DEFAULT_MAX_WAITERS, 0),
    shadow: checkBoolean('shadow', options.shadow ?? false),
  };
}

export function resolveTokenBucketOptions(options: TokenBucketOptions): ResolvedTokenBucketOptions {
  const { rate, intervalMs = DEFAULT_INTERVAL_MS, burst, warmUp } = checkOptions(options);
  const limit = createLimit(rate, intervalMs, burst);
  return {
    ...resolveWaitingOptions(options, 'token-bucket'),
    limit,
    warmUp: warmUp === undefined ? undefined : resolveWarmUp(warmUp, limit),
  };
}

export function resolveLeakyBucketOptions(options: LeakyBucketOptions): ResolvedBucketOptions {
  const { rate, intervalMs = DEFAULT_INTERVAL_MS, capacity } = checkOptions(options);
  const limit = createLimit(rate, intervalMs, checkPositive('capacity', capacity));
  return { ...resolveWaitingOptions(options, 'leaky-bucket'), limit };
}

export function resolveShaperOptions(options: LeakyBucketShaperOptions): ResolvedShaperOptions {
  const size = resolveShaperSize(checkOptions(options));
  return { ...resolveWaitingOptions({ ...options, shadow: false }, 'leaky-bucket-shaper'), ...size };
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

export function resolveAllOfOptions(
  options: AllOfOptions,
): ResolvedWaitingOptions & { readonly limits: readonly Budget[] } {
  const { limits } = checkOptions(options);
  if (!Array.isArray(limits) || limits.length === 0)
    throw new TypeError('limits must be an array of at least one limit');
  limits.forEach((limit, index) => {
    if (typeof limit?.tryAcquire !== 'function')
      throw new TypeError(`limits[${index}] must have a tryAcquire() method`);
  });
  return { ...resolveWaitingOptions(options, 'all-of'), limits: [...limits] };
}

function resolveWarmUp(options: WarmUpOptions, { rate }: Limit): ResolvedWarmUpOptions {
  if (typeof options !== 'object' || options === null) throw new TypeError('warmUp must be an object');
  const durationMs = checkPositive('warmUp.durationMs', options.durationMs);
  const coldFactor = checkBetween('warmUp.coldFactor', options.coldFactor ?? DEFAULT_COLD_FACTOR, 1, 1000);
  if (rate === 0 || rate === Number.POSITIVE_INFINITY) {
    throw new RangeError(`rate must be a finite number above 0 with warmUp, got ${rate}`);
  }
  return { durationMs, coldFactor };
}
