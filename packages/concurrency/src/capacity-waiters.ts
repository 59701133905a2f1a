import { type CallContext, RejectedError } from '@bp/core';
import { type Waiter, WaitQueue } from '@bp/core/kit';
import type { ResolvedConcurrencyLimiterOptions } from './options.ts';

/** Callers of `ready()` that may wait at once. */
const MAX_WAITING = 1000;

/** What {@link CapacityWaiters} ask of their limiter. */
export interface Capacity {
  /** Whether a call of this cost could never be admitted under the present limit. */
  readonly isImpossible: (ctx: CallContext) => boolean;
  /** Whether such a call would be admitted, apart from its deadline and cancellation. */
  readonly hasRoom: (ctx: CallContext) => boolean;
}

/** Callers that wait until a call of theirs would be admitted, in order of arrival. They reserve nothing. */
export class CapacityWaiters {
  readonly #options: ResolvedConcurrencyLimiterOptions;
  readonly #capacity: Capacity;
  readonly #queue: WaitQueue;
  /** Whether a waiter was notified in this turn of the event loop. */
  #notified = false;

  constructor(options: ResolvedConcurrencyLimiterOptions, capacity: Capacity) {
    const { clock, name } = options;
    this.#options = options;
    this.#capacity = capacity;
    this.#queue = new WaitQueue({ clock, name, maxQueue: MAX_WAITING, serve: this.#serve });
  }

  /** Resolves when there is room for such a call. */
  wait(ctx: CallContext): Promise<void> {
    if (this.#queue.size === 0 && this.#capacity.hasRoom(ctx)) return Promise.resolve();
    return this.#queue.wait(undefined, ctx);
  }

  /** Whether a caller waits. */
  get any(): boolean {
    return this.#queue.size > 0;
  }

  /** Call it when there may be more room than before. */
  serve(): void {
    if (this.#queue.size > 0) this.#queue.serve();
  }

  /** Rejects all of them with `SHUTTING_DOWN`. */
  close(): void {
    this.#queue.rejectAll('SHUTTING_DOWN');
  }

  /** Notifies one waiter a turn: by the next turn it has made its call, or has not. */
  readonly #serve = (waiter: Waiter<undefined, void>): boolean => {
    const { clock, name } = this.#options;
    if (this.#capacity.isImpossible(waiter.ctx)) {
      waiter.reject(new RejectedError('CONCURRENCY_LIMIT', name, { retryAfterMs: Number.POSITIVE_INFINITY }));
      return true;
    }
    if (this.#notified || !this.#capacity.hasRoom(waiter.ctx)) return false;
    waiter.resolve();
    this.#notified = true;
    clock.nextTurn(this.#onNextTurn);
    return true;
  };

  readonly #onNextTurn = (): void => {
    this.#notified = false;
    this.serve();
  };
}
