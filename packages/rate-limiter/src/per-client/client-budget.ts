import type { CallContext, Policy, RejectedError, Unsubscribe } from '@bp/core';
import { EMPTY_CONTEXT } from '@bp/core/kit';
import type { Budget, BudgetChange } from '../budget.ts';
import type { KeyedLimiter } from './keyed-limiter.ts';

/** One client of a `PerClientRateLimiter` as a limit of its own, whatever `ctx.key` says. It holds no state. */
export class ClientBudget implements Budget, Policy {
  /** The key of the client. */
  readonly key: string;
  readonly #limiter: KeyedLimiter;

  constructor(limiter: KeyedLimiter, key: string) {
    this.#limiter = limiter;
    this.key = key;
  }

  /** The name of the limiter: the key of a client belongs in no rejection. */
  get name(): string {
    return this.#limiter.name;
  }

  maxCost(ctx: CallContext = EMPTY_CONTEXT): number {
    return this.#limiter.maxCost(this.key, ctx);
  }

  tryAcquire(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now()): boolean {
    return this.#limiter.tryAcquire(this.key, ctx, now);
  }

  check(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now()): RejectedError | undefined {
    return this.#limiter.check(this.key, ctx, now);
  }

  retryAfterMs(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now(), ahead = 0): number {
    return this.#limiter.retryAfterMs(this.key, ctx, now, ahead);
  }

  refund(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now()): void {
    this.#limiter.refund(this.key, ctx, now);
  }

  undo(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now()): void {
    this.#limiter.undo(this.key, ctx, now);
  }

  onChange(listener: (change: BudgetChange) => void): Unsubscribe {
    return this.#limiter.changes.onKeyChange(this.key, listener);
  }

  /** Does the same as `PerClientRateLimiter.acquire` for this client. */
  async acquire(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    this.#limiter.enter(this.key, ctx);
  }

  async execute<T>(
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    this.#limiter.enter(this.key, ctx);
    return fn(ctx);
  }
}
