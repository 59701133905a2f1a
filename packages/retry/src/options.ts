import { type Clock, systemClock } from '@bp/core';
import {
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkNonNegative,
  checkOptions,
  checkPositive,
  neverThrowing,
} from '@bp/core/kit';
import { RetryBudget } from './retry-budget.ts';
import { defaultVerdict, type RetryDecision, type Settled } from './verdict.ts';

/** What everything that retries can be told. */
export interface RetryingOptions {
  /** Tries of one call, the first one included (1 to 999). Default: 3. */
  readonly maxAttempts?: number | undefined;
  /** Milliseconds that the wait before the second try is drawn from; doubles with each try (> 0). Default: 50. */
  readonly backoffMs?: number | undefined;
  /** The most milliseconds a wait is drawn from (>= `backoffMs`). Default: 20 000, at least `backoffMs`. */
  readonly maxBackoffMs?: number | undefined;
  /**
   * The longest wait in milliseconds that the other side may ask for (>= 0). Whoever asks for more is not retried; the
   * answer is returned at once. Default: 30 000.
   */
  readonly maxRetryAfterMs?: number | undefined;
  /** Milliseconds that one try may take (>= `minAttemptMs`). Default: as many as the deadline leaves. */
  readonly attemptTimeoutMs?: number | undefined;
  /** Calls that may wait for their next try at once (>= 0); beyond, calls are not retried. Default: 1000. */
  readonly maxWaiting?: number | undefined;
  /** Bounds how much all who share it retry. Default: one of its own with that class's defaults. */
  readonly budget?: RetryBudget | undefined;
  /** What it is called in rejections (1 to 100 characters). Default: the kebab-case name of what is made. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Numbers from 0 to 1 for the jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Options of `Retry`. */
export interface RetryOptions extends RetryingOptions {
  /** Milliseconds below which a try is not worth starting: no try begins with less until the deadline (> 0). Default: 1. */
  readonly minAttemptMs?: number | undefined;
  /**
   * What follows from a try; undefined leaves it to the default: results are final, errors are retried, no earlier than
   * their `retryAfterMs` if they have one, except cancellations and rejections that time does not heal. If it throws the
   * default holds too, and what it threw surfaces as an uncaught exception.
   */
  readonly classify?: ((settled: Settled, attempt: number) => RetryDecision | undefined) | undefined;
}

/** What everything that retries holds: nothing is undefined. */
export interface ResolvedRetryingOptions {
  readonly maxAttempts: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly maxRetryAfterMs: number;
  /** Infinity if a try may take as long as it likes. */
  readonly attemptTimeoutMs: number;
  readonly minAttemptMs: number;
  readonly maxWaiting: number;
  readonly budget: RetryBudget;
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The same for `Retry`. */
export interface ResolvedRetryOptions extends ResolvedRetryingOptions {
  readonly classify: (settled: Settled, attempt: number) => RetryDecision;
}

/** The most that an attempt header says in three digits. */
const MOST_ATTEMPTS = 999;

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
  if (maxAttempts > MOST_ATTEMPTS) {
    throw new RangeError(`maxAttempts must be at most ${MOST_ATTEMPTS}, got ${maxAttempts}`);
  }
  const backoffMs = checkPositive('backoffMs', options.backoffMs ?? 50);
  const maxBackoffMs = checkPositive('maxBackoffMs', options.maxBackoffMs ?? Math.max(20_000, backoffMs));
  if (maxBackoffMs < backoffMs) {
    throw new RangeError(`maxBackoffMs must be at least backoffMs = ${backoffMs}, got ${maxBackoffMs}`);
  }
  const { attemptTimeoutMs } = options;
  if (attemptTimeoutMs !== undefined && checkPositive('attemptTimeoutMs', attemptTimeoutMs) < minAttemptMs) {
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
    maxWaiting: checkInteger('maxWaiting', options.maxWaiting ?? 1000, 0),
    budget: checkBudget(options.budget ?? new RetryBudget({ clock })),
    name: checkName('name', options.name ?? name),
    clock,
    random: checkFunction('random', options.random ?? Math.random),
  };
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: RetryOptions): ResolvedRetryOptions {
  const { classify = defaultVerdict } = checkOptions(options);
  const verdict = neverThrowing(checkFunction('classify', classify), () => undefined);
  return {
    ...resolveRetrying(options, checkPositive('minAttemptMs', options.minAttemptMs ?? 1), 'retry'),
    classify: (settled, attempt) => verdict(settled, attempt) ?? defaultVerdict(settled),
  };
}
