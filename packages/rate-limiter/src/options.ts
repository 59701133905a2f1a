import {
  type Clock,
  checkClock,
  checkInteger,
  checkName,
  checkOptions,
  checkPositive,
  systemClock,
} from '@bp/core';
import { checkRate, createLimit, defaultBurst, type Limit } from './limit.ts';

/** What every limiter of this package may be told about its rate. */
export interface RateOptions {
  /**
   * Tokens that come back per `intervalMs`, continuously; fractions too. 0 gives the burst once and no more, `Infinity`
   * never refuses.
   */
  readonly rate: number;
  /** Milliseconds in which `rate` tokens come back (> 0). Default: 1000. */
  readonly intervalMs?: number | undefined;
}

/** What a limiter that can be waited for may be told. */
export interface WaitingOptions {
  /** What it is called in refusals (1 to 100 characters). Default: the class in kebab case. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** How many calls of `acquire` and `execute` may wait (>= 0); at 0 they refuse at once. Default: 1000. */
  readonly maxWaiters?: number | undefined;
}

/** Options of `TokenBucket`. */
export interface TokenBucketOptions extends RateOptions, WaitingOptions {
  /**
   * Tokens a full bucket holds (> 0): what may be taken at once after a rest, and the highest cost that can ever be
   * admitted. Default: `rate`, at least 1. Ignored at an infinite rate.
   */
  readonly burst?: number | undefined;
}

/** Options of `LeakyBucket`. */
export interface LeakyBucketOptions extends RateOptions, WaitingOptions {
  /**
   * What the bucket holds before it overflows (> 0), and the highest cost that can ever be admitted. Ignored at an
   * infinite rate.
   */
  readonly capacity: number;
}

/** Options of a bucket as the code holds them: nothing is undefined. */
export interface ResolvedBucketOptions {
  readonly limit: Limit;
  readonly name: string;
  readonly clock: Clock;
  readonly maxWaiters: number;
}

const DEFAULT_INTERVAL_MS = 1000;
const DEFAULT_MAX_WAITERS = 1000;

/** The limit of `options`, whose burst is called `burstName` there. */
export function resolveLimit(options: RateOptions, burstName: string, burst: number | undefined): Limit {
  const rate = checkRate('rate', options.rate);
  const intervalMs = checkPositive('intervalMs', options.intervalMs ?? DEFAULT_INTERVAL_MS);
  return createLimit(
    rate,
    intervalMs,
    burst === undefined ? defaultBurst(rate) : checkPositive(burstName, burst),
  );
}

function resolveBucket(options: WaitingOptions, limit: Limit, name: string): ResolvedBucketOptions {
  return {
    limit,
    name: checkName('name', options.name ?? name),
    clock: checkClock('clock', options.clock ?? systemClock),
    maxWaiters: checkInteger('maxWaiters', options.maxWaiters ?? DEFAULT_MAX_WAITERS, 0),
  };
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveTokenBucketOptions(options: TokenBucketOptions): ResolvedBucketOptions {
  checkOptions(options);
  return resolveBucket(options, resolveLimit(options, 'burst', options.burst), 'token-bucket');
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveLeakyBucketOptions(options: LeakyBucketOptions): ResolvedBucketOptions {
  checkOptions(options);
  const capacity = checkPositive('capacity', options.capacity);
  return resolveBucket(options, resolveLimit(options, 'capacity', capacity), 'leaky-bucket');
}
