import { type AdmissionOptions, NO_ADMISSION_OPTIONS } from './admission.ts';

/**
 * What can stand around a call: every primitive with an `execute` is one. It runs `fn` now, later or not at all;
 * refuses with a `RejectedError`; and lets the result or the error of `fn` through untouched.
 */
export interface Policy {
  /** Runs `fn` if and when this policy admits it. */
  execute<T>(fn: () => T | PromiseLike<T>): Promise<T>;
  /** The same for a call with a context, which `fn` is given in turn. */
  execute<T, C extends AdmissionOptions>(fn: (ctx: C) => T | PromiseLike<T>, ctx: C): Promise<T>;
}

class Composed implements Policy {
  readonly #policies: readonly Policy[];

  constructor(policies: readonly Policy[]) {
    this.#policies = policies;
  }

  execute<T>(
    fn: (ctx: never) => T | PromiseLike<T>,
    ctx: AdmissionOptions = NO_ADMISSION_OPTIONS,
  ): Promise<T> {
    return this.#run(0, fn as (ctx: AdmissionOptions) => T | PromiseLike<T>, ctx);
  }

  async #run<T>(
    index: number,
    fn: (ctx: AdmissionOptions) => T | PromiseLike<T>,
    ctx: AdmissionOptions,
  ): Promise<T> {
    const policy = this.#policies[index];
    return policy === undefined ? fn(ctx) : policy.execute((inner) => this.#run(index + 1, fn, inner), ctx);
  }
}

/**
 * One policy from many, outermost first: `compose(a, b).execute(fn)` is `a.execute(() => b.execute(fn))`, and
 * each hands its context to the next. Without policies it just calls the function.
 *
 * Put first what refuses most cheaply: deadline, rate limit, breaker, concurrency.
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
