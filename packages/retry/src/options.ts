import { type Clock, systemClock } from '@bp/core';
import {
  checkBetween,
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkNonNegative,
  checkOptions,
  checkPositive,
  MAX_DEADLINE_MS,
  neverThrowing,
  optionNames,
} from '@bp/core/kit';
import { RetryBudget } from './retry-budget.ts';
import { type AttemptResult, decideByDefault, type RetryDecision } from './retry-decision.ts';

/** The options that `Retry` and `createRetryingFetch` share. */
export interface RetryingOptions {
  /** Attempts of one call, the first one included (1 to 999). Default: 3. */
  readonly maxAttempts?: number | undefined;
  /** Milliseconds of the longest backoff after the first attempt; doubles with each attempt (> 0). Default: 50. */
  readonly backoffMs?: number | undefined;
  /** The longest backoff in milliseconds (>= `backoffMs`). Default: 20 000, at least `backoffMs`. */
  readonly maxBackoffMs?: number | undefined;
  /**
   * The longest server delay in milliseconds (>= 0): `Retry-After` or `retryAfterMs`. A call with a longer one is not retried:
   * its answer is returned at once. Default: 30 000.
   */
  readonly maxRetryAfterMs?: number | undefined;
  /** Milliseconds that one attempt may take (>= `minAttemptMs`, at most ten years). Default: as many as the deadline leaves. */
  readonly attemptTimeoutMs?: number | undefined;
  /** Calls that may pause at once before their next attempt (>= 0); any further call is not retried. Default: 1000. */
  readonly maxPauses?: number | undefined;
  /** Bounds the retries of everything that shares it. Default: an own one with the defaults of `RetryBudget`. */
  readonly budget?: RetryBudget | undefined;
  /** The `rejectedBy` of its rejections (1 to 100 characters). Default: `retry` or `retrying-fetch`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Returns numbers from 0 to 1 for the jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The names of all {@link RetryingOptions}. */
export const retryingOptionNames: readonly string[] = /* @__PURE__ */ optionNames<RetryingOptions>({
  maxAttempts: true,
  backoffMs: true,
  maxBackoffMs: true,
  maxRetryAfterMs: true,
  attemptTimeoutMs: true,
  maxPauses: true,
  budget: true,
  name: true,
  clock: true,
  random: true,
});

/** Options of `Retry`. */
export interface RetryOptions extends RetryingOptions {
  /** Milliseconds below which an attempt does not begin: less time until the deadline is not worth it (> 0). Default: 1. */
  readonly minAttemptMs?: number | undefined;
  /**
   * Decides what follows an attempt; undefined leaves it to the default: results are final, errors are retried, no earlier
   * than their `retryAfterMs`, except cancellations and primitives that are closing. If it throws, the default holds and its
   * error surfaces as an uncaught exception.
   */
  readonly classify?: ((ended: AttemptResult, attempt: number) => RetryDecision | undefined) | undefined;
}

const OWN_NAMES = /* @__PURE__ */ optionNames<Pick<RetryOptions, 'minAttemptMs' | 'classify'>>({
  minAttemptMs: true,
  classify: true,
});

/** The shared options with all defaults. */
export interface ResolvedRetryingOptions {
  readonly maxAttempts: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly maxRetryAfterMs: number;
  /** `Infinity` without a limit. */
  readonly attemptTimeoutMs: number;
  readonly minAttemptMs: number;
  readonly maxPauses: number;
  readonly budget: RetryBudget;
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The options of `Retry` with all defaults. */
export interface ResolvedRetryOptions extends ResolvedRetryingOptions {
  readonly classify: (ended: AttemptResult, attempt: number) => RetryDecision;
}

/** The most attempts that the attempt header can number. */
const MAX_ATTEMPTS = 999;

function checkBudget(value: RetryBudget): RetryBudget {
  const methods = value as { [method in 'recordRequest' | 'tryAcquire' | 'refund']?: unknown };
  checkFunction('budget.recordRequest', methods.recordRequest);
  checkFunction('budget.tryAcquire', methods.tryAcquire);
  checkFunction('budget.refund', methods.refund);
  return value;
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveRetrying(
  options: RetryingOptions,
  minAttemptMs: number,
  name: string,
): ResolvedRetryingOptions {
  const maxAttempts = checkInteger('maxAttempts', options.maxAttempts ?? 3);
  if (maxAttempts > MAX_ATTEMPTS) {
    throw new RangeError(`maxAttempts must be at most ${MAX_ATTEMPTS}, got ${maxAttempts}`);
  }
  const backoffMs = checkPositive('backoffMs', options.backoffMs ?? 50);
  const maxBackoffMs = checkPositive('maxBackoffMs', options.maxBackoffMs ?? Math.max(20_000, backoffMs));
  if (maxBackoffMs < backoffMs) {
    throw new RangeError(`maxBackoffMs must be at least backoffMs = ${backoffMs}, got ${maxBackoffMs}`);
  }
  const { attemptTimeoutMs } = options;
  if (
    attemptTimeoutMs !== undefined &&
    checkBetween('attemptTimeoutMs', attemptTimeoutMs, 0, MAX_DEADLINE_MS) < minAttemptMs
  ) {
    throw new RangeError(
      `attemptTimeoutMs must be at least minAttemptMs = ${minAttemptMs}, got ${attemptTimeoutMs}`,
    );
  }
  const clock = checkClock('clock', options.clock ?? systemClock);
  return {
    maxAttempts,
    backoffMs,
    maxBackoffMs,
    maxRetryAfterMs: checkNonNegative('maxRetryAfterMs', options.maxRetryAfterMs ?? 30_000),
    attemptTimeoutMs: attemptTimeoutMs ?? Number.POSITIVE_INFINITY,
    minAttemptMs,
    maxPauses: checkInteger('maxPauses', options.maxPauses ?? 1000, 0),
    budget: checkBudget(options.budget ?? new RetryBudget({ clock })),
    name: checkName('name', options.name ?? name),
    clock,
    random: neverThrowing(checkFunction('random', options.random ?? Math.random), () => 1),
  };
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: RetryOptions): ResolvedRetryOptions {
  const { classify, minAttemptMs = 1 } = checkOptions(options, [...retryingOptionNames, ...OWN_NAMES]);
  return {
    ...resolveRetrying(options, checkPositive('minAttemptMs', minAttemptMs), 'retry'),
    classify: withFallback(classify, decideByDefault),
  };
}

/** Returns `classify`, with `fallback` where it returns undefined or throws. */
export function withFallback(
  classify: RetryOptions['classify'],
  fallback: ResolvedRetryOptions['classify'],
): ResolvedRetryOptions['classify'] {
  if (classify === undefined) return fallback;
  const decide = neverThrowing(checkFunction('classify', classify), () => undefined);
  return (ended, attempt) => decide(ended, attempt) ?? fallback(ended, attempt);
}
