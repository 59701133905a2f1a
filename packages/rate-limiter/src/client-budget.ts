import type { CallContext, Policy } from '@bp/core';
import type { Budget } from './budget.ts';
import type { PerClientRateLimiter } from './per-client.ts';

/** One client of a `PerClientRateLimiter`: a name for its key, without any state of its own. */
export class ClientBudget implements Budget, Policy {
  /** The key of the client. */
  readonly key: string;
  readonly #limiter: PerClientRateLimiter;

  constructor(limiter: PerClientRateLimiter, key: string) {
    this.#limiter = limiter;
    this.key = key;
  }

  /** The name of the limiter: that of a client belongs in no rejection. */
  get name(): string {
    return this.#limiter.name;
  }

  get maxCost(): number {
    return this.#limiter.maxCost(this.key);
  }

  tryAcquire(cost?: number, now?: number): boolean {
    return this.#limiter.tryAcquire(this.key, cost, now);
  }

  check(cost?: number, now?: number): boolean {
    return this.#limiter.check(this.key, cost, now);
  }

  retryAfterMs(cost?: number, now?: number, ahead?: number): number {
    return this.#limiter.retryAfterMs(this.key, cost, now, ahead);
  }

  refund(cost?: number, now?: number): void {
    this.#limiter.refund(this.key, cost, now);
  }

  /** See `PerClientRateLimiter.acquire`. */
  acquire(ctx?: CallContext): Promise<void> {
    return this.#limiter.acquire(this.key, ctx);
  }

  execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx?: CallContext): Promise<T> {
    return ctx === undefined
      ? this.#limiter.execute(this.key, fn as () => T | PromiseLike<T>)
      : this.#limiter.execute(this.key, fn, ctx);
  }
}
