import { type CallContext, type Clock, type Policy, systemClock, type Unsubscribe } from '@bp/core';
import { checkOptions, EMPTY_CONTEXT } from '@bp/core/kit';
import { LinkedContext } from './linked-context.ts';
import { type ResolvedRetryOptions, type RetryOptions, resolveOptions } from './options.ts';
import { Retrier, type RetryEvent, type RetryStats } from './retrier.ts';
import { RetryBudget } from './retry-budget.ts';

/** A context that makes others of its own kind, such as a `RequestContext`: a function may count on its kind. */
interface Parent extends CallContext {
  child(options: { readonly timeoutMs: number }): CallContext & { end(): void };
}

function isParent(ctx: CallContext): ctx is Parent {
  return typeof (ctx as Partial<Parent>).child === 'function';
}

/**
 * Calls a function again when it fails, as long as that can help and cannot hurt: after a wait drawn at random, never
 * earlier than whoever rejected has said, only while the deadline holds another try and the budget pays for it. What is
 * tried must be safe to repeat.
 */
export class Retry implements Policy, AsyncDisposable {
  readonly #options: ResolvedRetryOptions;
  readonly #retrier: Retrier;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: RetryOptions = {}) {
    this.#options = resolveOptions(options);
    this.#retrier = new Retrier(this.#options);
  }

  execute<T>(fn: (ctx: CallContext, attempt: number) => T | PromiseLike<T>): Promise<T>;
  execute<T, C extends CallContext>(fn: (ctx: C, attempt: number) => T | PromiseLike<T>, ctx: C): Promise<T>;
  /**
   * Calls `fn` with the context and the number of the try, from 1, until it has an answer that is final or no other try
   * is made; that answer, result or error, is the result. With `attemptTimeoutMs` each try has a context of its own: a
   * child of `ctx` if it can have children, else a plain one.
   *
   * Rejects with a `RejectedError` of code `DEADLINE_EXCEEDED` (the deadline does not even hold one try), `CANCELLED` (at
   * arrival or while it waits) or `SHUTTING_DOWN`; a deadline that passes while it waits is answered with the last error.
   */
  execute<T>(
    fn: (ctx: never, attempt: number) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    const { attemptTimeoutMs, classify } = this.#options;
    const attempt =
      attemptTimeoutMs === Number.POSITIVE_INFINITY
        ? (number: number) => fn(ctx, number)
        : (number: number) => this.#bounded(fn, ctx, number);
    return this.#retrier.run(attempt, ctx, { classify });
  }

  /** Calls `listener` for each try that will be followed by another, before the wait; a wait that is cut short stays told. */
  onRetry(listener: (event: RetryEvent) => void): Unsubscribe {
    return this.#retrier.onRetry(listener);
  }

  /** A snapshot; reading it costs nobody else anything. */
  stats(): RetryStats {
    return this.#retrier.stats();
  }

  /**
   * Begins no try any more: new calls are rejected with `SHUTTING_DOWN`, those that wait are answered at once with their
   * last error. Resolves when those that run have ended, or when `ctx` ends; they are not interrupted. Idempotent.
   */
  close(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    return this.#retrier.close(ctx);
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #bounded<T>(
    fn: (ctx: never, attempt: number) => T | PromiseLike<T>,
    ctx: CallContext,
    attempt: number,
  ): Promise<T> {
    const { attemptTimeoutMs, clock, name } = this.#options;
    const deadline = Math.min(ctx.deadline ?? Number.POSITIVE_INFINITY, clock.now() + attemptTimeoutMs);
    const linked = new LinkedContext([ctx], { deadline, clock, name });
    const child = isParent(ctx) ? ctx.child({ timeoutMs: attemptTimeoutMs }) : undefined;
    try {
      return await linked.run(() => fn((child ?? linked) as never, attempt));
    } finally {
      linked.end();
      child?.end();
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
 * Calls `fn` as {@link Retry.execute} does, without an object to keep. All calls that are given no budget share one, so
 * that they cannot amplify an outage between them either.
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
