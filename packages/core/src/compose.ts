import { type CallContext, EMPTY_CONTEXT } from './call-context.ts';

/**
 * What can stand around a call: every primitive with an `execute` is one. It runs `fn` now, later or not at all;
 * rejects with a `RejectedError`; and lets the result or the error of `fn` through untouched.
 */
export interface Policy {
  /**
   * Runs `fn` if and when this policy admits it. `fn` receives `ctx`, or a context derived from it.
   * @param ctx - Default: a context without deadline, signal, priority, cost or key.
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
 * One policy from many, outermost first: `compose(a, b).execute(fn)` is `a.execute(() => b.execute(fn))`, and
 * each hands its context to the next. Without policies it just calls the function.
 *
 * Recommended order: retry, timeout, rate limiter, concurrency limiter, circuit breaker. The breaker stands next to the
 * dependency: it then measures the dependency and not the wait in the queue, and a call that waited while the circuit opened
 * is rejected when its turn comes instead of reaching a dependency that is known to fail.
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
