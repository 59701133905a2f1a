import {
  type AdmissionOptions,
  type Clock,
  checkClock,
  checkName,
  checkOptions,
  checkPositive,
  NO_ADMISSION_OPTIONS,
  type Policy,
  refusalAtEntry,
  systemClock,
} from '@bp/core';
import { RequestContext } from './request-context.ts';

/** Options of `timeout`. */
export interface TimeoutOptions {
  /** Milliseconds that a call may take, if its own deadline leaves it as many (> 0). */
  readonly timeoutMs: number;
  /** What it is called in refusals (1 to 100 characters). Default: `timeout`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

class Timeout implements Policy {
  readonly #timeoutMs: number;
  readonly #name: string;
  readonly #clock: Clock;

  constructor(options: TimeoutOptions) {
    const { timeoutMs, name = 'timeout', clock = systemClock } = checkOptions(options);
    this.#timeoutMs = checkPositive('timeoutMs', timeoutMs);
    this.#name = checkName('name', name);
    this.#clock = checkClock('clock', clock);
  }

  async execute<T>(
    fn: (ctx: never) => T | PromiseLike<T>,
    ctx: AdmissionOptions = NO_ADMISSION_OPTIONS,
  ): Promise<T> {
    const over = refusalAtEntry(ctx, this.#clock, this.#name);
    if (over !== undefined) throw over;
    using inner = this.#within(ctx);
    return await inner.race(Promise.resolve(fn(inner as never)));
  }

  #within(ctx: AdmissionOptions): RequestContext {
    const timeoutMs = this.#timeoutMs;
    if (ctx instanceof RequestContext) return ctx.child({ timeoutMs });
    const { deadline, signal, priority, cost } = ctx;
    return new RequestContext({ timeoutMs, deadline, signal, priority, cost, clock: this.#clock });
  }
}

/**
 * A policy that gives each call at most `timeoutMs`: the function gets a child context with that deadline, and its caller
 * is answered at the deadline whether the function heeds it or not.
 *
 * Its `execute` rejects with a {@link ContextDoneError} when the call is over first.
 *
 * @throws TypeError or RangeError naming the first option that is wrong.
 */
export function timeout(options: TimeoutOptions): Policy {
  return new Timeout(options);
}
