import {
  type CallContext,
  type Clock,
  type DrainOptions,
  type Policy,
  type RejectedError,
  systemClock,
  type Unsubscribe,
} from '@bp/core';
import {
  checkFunction,
  checkOptions,
  deriveContext,
  EMPTY_CONTEXT,
  neverThrowing,
  optionNames,
  raceContext,
} from '@bp/core/kit';
import { type ResolvedRetryOptions, type RetryOptions, resolveOptions, withFallback } from './options.ts';
import { RetryBudget } from './retry-budget.ts';
import { type RetryEvent, RetryLoop, type RetryRules } from './retry-loop.ts';
import type { RetryStats } from './retry-stats.ts';

/** Rules of one call of `Retry.execute`, beside those of its options. */
export interface RetryCallOptions {
  /** Decides what follows an attempt; undefined leaves it to the `classify` of the `Retry`. */
  readonly classify?: RetryOptions['classify'];
  /** Called for each attempt of this call that will be followed by another, as `Retry.onRetry` is. */
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
}

const CALL_OPTIONS = /* @__PURE__ */ optionNames<RetryCallOptions>({ classify: true, onRetry: true });

/**
 * Repeats a call that fails, after a random pause: never earlier than a rejection asks for, and only while the deadline leaves
 * time and the budget grants a retry. The function must be safe to repeat.
 */
export class Retry implements Policy, AsyncDisposable {
  readonly #options: ResolvedRetryOptions;
  readonly #loop: RetryLoop;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: RetryOptions = {}) {
    this.#options = resolveOptions(options);
    this.#loop = new RetryLoop(this.#options);
  }

  /**
   * Calls `fn` with the context and the number of the attempt, from 1, until an attempt is final or may not be repeated. The
   * result or error of the last attempt is that of the call. With `attemptTimeoutMs` each attempt has a context derived from
   * `ctx`.
   *
   * Rejects with a `RejectedError` of code `DEADLINE_EXCEEDED` (the deadline leaves no time for one attempt), `CANCELLED` (on
   * arrival or in a pause) or `SHUTTING_DOWN`. A deadline that passes in a pause gives the last error. Rejects with a TypeError
   * or RangeError if an argument is wrong. A pause keeps the process alive, an attempt's timeout does not.
   */
  async execute<T>(
    fn: (ctx: CallContext, attempt: number) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
    options?: RetryCallOptions,
  ): Promise<T> {
    checkFunction('fn', fn);
    const rules = this.#rulesOf<T>(options);
    const attempt =
      this.#options.attemptTimeoutMs === Number.POSITIVE_INFINITY
        ? (number: number) => fn(ctx, number)
        : (number: number) => this.#attempt(fn, ctx, number);
    return await this.#loop.run(attempt, ctx, rules);
  }

  /**
   * Returns the rejection with which `execute` would reject now, or undefined. Counts nothing and notifies no listener. Never
   * throws: a wrong deadline counts as one that has passed.
   */
  check(ctx: CallContext = EMPTY_CONTEXT): RejectedError | undefined {
    return this.#loop.check(ctx);
  }

  /** Calls `listener` for each attempt that will be followed by another, before the pause. */
  onRetry(listener: (event: RetryEvent) => void): Unsubscribe {
    return this.#loop.onRetry(listener);
  }

  /** Calls `listener` once for every call that is rejected, on arrival or in a pause. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#loop.onRejected(listener);
  }

  /** Returns a snapshot of its gauges and counters. */
  stats(): RetryStats {
    return this.#loop.stats();
  }

  /**
   * Begins no further attempt: new calls are rejected with `SHUTTING_DOWN`, pausing calls end at once with their last error.
   * Resolves when the running attempts have ended, which are not interrupted, or when the time is up. Idempotent. Keeps the
   * process alive until then. Rejects with a TypeError or RangeError naming a wrong option.
   */
  close(options?: DrainOptions): Promise<void> {
    return this.#loop.close(options);
  }

  /** Does the same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #rulesOf<T>(options: RetryCallOptions | undefined): RetryRules<T> {
    if (options === undefined) return this.#options;
    const { classify, onRetry } = checkOptions(options, CALL_OPTIONS);
    return {
      classify: withFallback(classify, this.#options.classify),
      onRetry: onRetry && neverThrowing(checkFunction('onRetry', onRetry), () => {}),
    };
  }

  async #attempt<T>(
    fn: (ctx: CallContext, attempt: number) => T | PromiseLike<T>,
    ctx: CallContext,
    attempt: number,
  ): Promise<T> {
    const { attemptTimeoutMs: timeoutMs, clock, name } = this.#options;
    const attemptCtx = deriveContext(ctx, { timeoutMs, clock, name });
    try {
      return await raceContext(attemptCtx, { clock, name }, () => fn(attemptCtx, attempt));
    } finally {
      attemptCtx.end();
    }
  }
}

const budgets = /* @__PURE__ */ new WeakMap<Clock, RetryBudget>();

function budgetOf(clock: Clock): RetryBudget {
  let budget = budgets.get(clock);
  if (budget === undefined) {
    budget = new RetryBudget({ clock });
    budgets.set(clock, budget);
  }
  return budget;
}

/**
 * Calls `fn` as {@link Retry.execute} does, without an object to keep. All such calls without a `budget` share one per clock,
 * so that together they cannot amplify an outage either.
 *
 * @throws TypeError or RangeError (as a rejection) naming the first option that is wrong.
 */
export async function retry<T>(
  fn: (ctx: CallContext, attempt: number) => T | PromiseLike<T>,
  options: RetryOptions = {},
  ctx: CallContext = EMPTY_CONTEXT,
): Promise<T> {
  const budget = checkOptions(options).budget ?? budgetOf(options.clock ?? systemClock);
  return await new Retry({ ...options, budget }).execute(fn, ctx);
}
