import { type CallContext, EMPTY_CONTEXT } from './call-context.ts';

/**
 * Wraps calls; every primitive with an `execute` is one. A policy runs `fn` now, later or not at all. It rejects with a
 * `RejectedError`, and passes the result or the error of `fn` on untouched.
 */
export interface Policy {
  /**
   * Runs `fn` if and when this policy admits the call. `fn` receives `ctx`, or a context derived from it.
   * @param ctx - Default: a context without fields.
   */
  execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx?: CallContext): Promise<T>;
}

class Composed implements Policy {
  readonly #policies: readonly Policy[];

  constructor(policies: readonly Policy[]) {
    this.#policies = policies;
  }

  execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    return this.#run(0, fn, ctx);
  }

  async #run<T>(index: number, fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext): Promise<T> {
    const policy = this.#policies[index];
    return policy === undefined ? fn(ctx) : policy.execute((inner) => this.#run(index + 1, fn, inner), ctx);
  }
}

/**
 * Makes one policy from several, outermost first: `compose(a, b).execute(fn)` is `a.execute(() => b.execute(fn))`. Each policy
 * passes its context to the next. Without policies it just calls the function.
 *
 * Recommended order: retry, timeout, rate limiter, concurrency limiter, circuit breaker.
 * - Retry is outermost: each attempt has a timeout of its own, and is admitted or rejected anew.
 * - The timeout bounds every wait inside it.
 * - The rate limiter comes before the concurrency limiter: a call that waits for a token holds no permit.
 * - The circuit breaker is next to the dependency. It measures the dependency and not the wait in the queue, and rejects a call
 *   that waited while the circuit opened.
 *
 * @throws TypeError if an argument has no `execute` method.
 */
export function compose(...policies: readonly Policy[]): Policy {
  policies.forEach((policy, index) => {
    if (typeof policy?.execute !== 'function') {
      throw new TypeError(`policies[${index}] must have an execute() method`);
    }
  });
  return new Composed(policies);
}
