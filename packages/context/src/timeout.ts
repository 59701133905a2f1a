import {
  type CallContext,
  type Clock,
  isRejected,
  type Policy,
  systemClock,
  type Unsubscribe,
} from '@bp/core';
import {
  checkClock,
  checkName,
  checkOptions,
  checkPositive,
  EMPTY_CONTEXT,
  rejectionAtEntry,
} from '@bp/core/kit';
import type { ContextDoneError } from './done.ts';
import { isRequestContext, RequestContext } from './request-context.ts';

/** Options of `timeout`. */
export interface TimeoutOptions {
  /** Milliseconds that a call may take, if its own deadline leaves it as many (> 0). */
  readonly timeoutMs: number;
  /** What it is called in rejections (1 to 100 characters). Default: `timeout`. */
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
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    const over = rejectionAtEntry(ctx, this.#clock, this.#name);
    if (over !== undefined) throw over;
    const [inner, unfollow] = this.#within(ctx);
    try {
      return await this.#run(fn, inner);
    } finally {
      unfollow?.();
      inner.end();
    }
  }

  async #run<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, inner: RequestContext): Promise<T> {
    const work = Promise.resolve(fn(inner as never));
    return await new Promise((resolve, reject) => {
      let over: ContextDoneError | undefined;
      inner.onDone((reason) => {
        over = reason;
        // A primitive in which the call still waits is told now too, and knows more: its rejection may go first.
        this.#clock.nextTurn(() => reject(reason));
      });
      work.then(
        (value) => (over === undefined ? resolve(value) : reject(over)),
        (error: unknown) => reject(over === undefined || isRejected(error) ? error : over),
      );
    });
  }

  #within(ctx: CallContext): [RequestContext, Unsubscribe | undefined] {
    const timeoutMs = this.#timeoutMs;
    const name = this.#name;
    if (isRequestContext(ctx)) return [ctx.child({ timeoutMs, name }), undefined];
    const { deadline, priority, cost } = ctx;
    const own = { timeoutMs, deadline, priority, cost, name, clock: this.#clock };
    if (ctx.onDone === undefined) return [new RequestContext({ ...own, signal: ctx.signal }), undefined];
    const outer = new AbortController();
    const inner = new RequestContext({ ...own, signal: outer.signal });
    return [inner, ctx.onDone((reason) => outer.abort(reason))];
  }
}

/**
 * A policy that gives each call at most `timeoutMs`: the function gets a context with that deadline, and its caller is
 * answered at the deadline whether the function heeds it or not. The context ends with the call.
 *
 * Its `execute` rejects with a {@link ContextDoneError} when the call is over first, whatever the function makes of being
 * told; or with the rejection of the primitive in which the call still waited.
 *
 * @throws TypeError or RangeError naming the first option that is wrong.
 */
export function timeout(options: TimeoutOptions): Policy {
  return new Timeout(options);
}
