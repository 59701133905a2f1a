import { type CallContext, RejectedError } from '@bp/core';
import { checkPriority, EMPTY_CONTEXT, isOver, rejectionAtEntry } from '@bp/core/kit';
import type { ResolvedConcurrencyLimiterOptions } from './options.ts';
import type { Permits } from './permits.ts';

/** What a limiter decides from a call alone, before it looks for permits. Counts nothing. */
export class Admission {
  readonly #options: ResolvedConcurrencyLimiterOptions;
  readonly #permits: Permits;
  /** Whether the limiter admits nothing any more. */
  closing = false;

  constructor(options: ResolvedConcurrencyLimiterOptions, permits: Permits) {
    this.#options = options;
    this.#permits = permits;
  }

  /**
   * Why a call is rejected whatever else waits or runs; undefined if it is not.
   * @throws TypeError or RangeError naming the field of `ctx` that is wrong.
   */
  rejection(ctx: CallContext): RejectedError | undefined {
    const { clock, name } = this.#options;
    if (ctx !== EMPTY_CONTEXT) {
      this.#check(ctx);
      const over = rejectionAtEntry(ctx, clock, name);
      if (over !== undefined) return over;
    }
    if (this.closing) return new RejectedError('SHUTTING_DOWN', name);
    return this.isImpossible(ctx) ? this.neverRejection() : undefined;
  }

  /** The same without throwing: a wrong field can never be admitted. */
  safeRejection(ctx: CallContext): RejectedError | undefined {
    try {
      return this.rejection(ctx);
    } catch {
      return this.neverRejection();
    }
  }

  /** Whether {@link Admission.rejection} would return or throw anything. Allocates nothing. */
  rejects(ctx: CallContext): boolean {
    if (this.closing) return true;
    if (ctx === EMPTY_CONTEXT) return false;
    return this.isNever(ctx) || isOver(ctx, this.#options.clock);
  }

  /** Whether the cost of a call is above the limit, since the limit was lowered. A limit of 0 is a pause. */
  isImpossible({ cost = 1 }: CallContext): boolean {
    return !this.#permits.canEverFit(cost);
  }

  /** Whether a call is never admitted under the present limit: its cost is impossible, or a field is wrong. */
  isNever(ctx: CallContext): boolean {
    return ctx !== EMPTY_CONTEXT && (this.#isWrong(ctx) || this.isImpossible(ctx));
  }

  neverRejection(): RejectedError {
    return new RejectedError('CONCURRENCY_LIMIT', this.#options.name, {
      retryAfterMs: Number.POSITIVE_INFINITY,
    });
  }

  #isWrong({ cost = 1, priority = 0, key }: CallContext): boolean {
    return (
      !this.#isPossibleCost(cost) ||
      typeof priority !== 'number' ||
      Number.isNaN(priority) ||
      (this.#options.fair && key !== undefined && typeof key !== 'string')
    );
  }

  #isPossibleCost(cost: number): boolean {
    return typeof cost === 'number' && cost > 0 && cost <= this.#permits.highestLimit;
  }

  #check(ctx: CallContext): void {
    if (!this.#isWrong(ctx)) return;
    const { cost = 1, priority = 0, key } = ctx;
    if (!this.#isPossibleCost(cost)) {
      const expected = `cost must be above 0 and at most limit = ${this.#permits.highestLimit}`;
      const given = `${expected}, got ${String(cost)} (${typeof cost})`;
      throw typeof cost === 'number' ? new RangeError(given) : new TypeError(given);
    }
    checkPriority('priority', priority);
    throw new TypeError(`key must be a string, got a value of type ${typeof key}`);
  }
}
