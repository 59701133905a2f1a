import type { CallContext, Unsubscribe } from '../call-context.ts';
import type { Clock, Timer } from '../clock.ts';
import { RejectedError, type RejectionCode } from '../rejected-error.ts';
import { rejectionIfOver, watchContext } from './call-end.ts';
import { Heap, HeapNode } from './heap.ts';
import { rejectedPromise } from './rejected-promise.ts';
import { checkPriority } from './validate.ts';

/** What a {@link WaitQueue} must know about the primitive that it belongs to. */
export interface WaitQueueOptions<Payload, Result> {
  readonly clock: Clock;
  /** The name of the primitive, for `rejectedBy`. */
  readonly name: string;
  /** How many callers may wait. Default: no bound. */
  readonly maxQueue?: number | undefined;
  /** Whether callers are served by `ctx.priority`, and in FIFO order only among equal priorities. Default: false. */
  readonly byPriority?: boolean | undefined;
  /**
   * Serves the first waiter if that is possible now: takes what it needs, calls `waiter.resolve` and returns true; else returns
   * false and changes nothing. Must not throw.
   */
  readonly serve: (waiter: Waiter<Payload, Result>) => boolean;
  /**
   * Returns the milliseconds after which `serve` may succeed if nothing else changes; `Infinity` if it cannot. The timer keeps
   * the process alive. Default: `Infinity`, no timer.
   */
  readonly waitMs?: ((waiter: Waiter<Payload, Result>) => number) | undefined;
  /** Called after a waiter has left without having been served. */
  readonly onLeft?: ((waiter: Waiter<Payload, Result>, error: Error) => void) | undefined;
}

/** A caller that waits in a {@link WaitQueue}. Settling it, once, removes it from the queue. */
export class Waiter<Payload, Result> extends HeapNode {
  readonly payload: Payload;
  readonly ctx: CallContext;
  /** Whether it still waits. */
  waiting = true;
  /** Stops watching its context. */
  unwatch: Unsubscribe | undefined;
  readonly #settle: (waiter: Waiter<Payload, Result>) => boolean;
  readonly #resolve: (result: Result) => void;
  readonly #reject: (error: Error) => void;

  constructor(
    payload: Payload,
    ctx: CallContext,
    rank: number,
    settle: (waiter: Waiter<Payload, Result>) => boolean,
    resolve: (result: Result) => void,
    reject: (error: Error) => void,
  ) {
    super(rank);
    this.payload = payload;
    this.ctx = ctx;
    this.#settle = settle;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Ends the wait with `result`; a no-op if it has ended. */
  resolve(result: Result): void {
    if (this.#settle(this)) this.#resolve(result);
  }

  /** Ends the wait with `error`; a no-op if it has ended. Use {@link WaitQueue.reject}, which serves the waiters behind it. */
  reject(error: Error): void {
    if (this.#settle(this)) this.#reject(error);
  }
}

/**
 * Callers that wait for capacity, in FIFO order or by priority. One timer serves all of them. Cancelling costs O(1) amortised,
 * joining and serving O(log n). A cancelled or expired waiter is never served.
 *
 * The primitive calls {@link WaitQueue.serve} after every change that may free capacity. It may do so at any time, also while
 * the queue calls the primitive: no wake-up is lost.
 */
export class WaitQueue<Payload = undefined, Result = void> {
  readonly #options: WaitQueueOptions<Payload, Result>;
  readonly #maxQueue: number;
  readonly #waiters = new Heap<Waiter<Payload, Result>>();
  #timer: Timer | undefined;
  #serving = false;
  #serveAgain = false;

  constructor(options: WaitQueueOptions<Payload, Result>) {
    this.#options = options;
    this.#maxQueue = options.maxQueue ?? Number.POSITIVE_INFINITY;
  }

  /** How many callers wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Whether one more caller would be rejected with `QUEUE_FULL`. */
  get isFull(): boolean {
    return this.#waiters.size >= this.#maxQueue;
  }

  /** The waiter that is served next; undefined if no caller waits. */
  get first(): Waiter<Payload, Result> | undefined {
    return this.#waiters.first;
  }

  /** Iterates over all waiters, in no particular order. Copy them first to settle one in the loop. */
  [Symbol.iterator](): Iterator<Waiter<Payload, Result>> {
    return this.#waiters[Symbol.iterator]();
  }

  /**
   * Waits until the primitive serves the caller, at once if it can. Rejects with `QUEUE_FULL` if `maxQueue` callers wait
   * already, with `CANCELLED` or `DEADLINE_EXCEEDED` when `ctx` ends first, and with a TypeError or RangeError if the queue
   * is by priority and the priority is no number.
   */
  wait(payload: Payload, ctx: CallContext): Promise<Result> {
    const { clock, name, byPriority } = this.#options;
    if (this.isFull) return rejectedPromise(new RejectedError('QUEUE_FULL', name));
    return new Promise((resolve, reject) => {
      const rank = byPriority ? -checkPriority('priority', ctx.priority ?? 0) : 0;
      const waiter = new Waiter<Payload, Result>(payload, ctx, rank, this.#settle, resolve, reject);
      this.#waiters.add(waiter);
      const unwatch = watchContext(ctx, clock, name, (rejection) => this.reject(waiter, rejection));
      // A context that was over already has called back before `unwatch` existed.
      if (waiter.waiting) waiter.unwatch = unwatch;
      else unwatch?.();
      // First by priority, or after a change that no `serve` has followed.
      if (this.first === waiter) this.serve();
    });
  }

  /** Serves waiters from the front as long as the primitive can, then sets the timer for the next one. */
  readonly serve = (): void => {
    this.#serveAgain = true;
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#serveAgain) {
        this.#serveAgain = false;
        this.#serveFromFront();
      }
    } finally {
      this.#serving = false;
      this.#arm();
    }
  };

  /** Rejects every caller that waits now, in order, with `code`. */
  rejectAll(code: RejectionCode): void {
    const waiters = [...this.#waiters].sort((a, b) => a.rank - b.rank || a.order - b.order);
    this.#deferServing(() => {
      for (const waiter of waiters) this.reject(waiter, new RejectedError(code, this.#options.name));
    });
  }

  /** Rejects one waiter, then serves the waiters behind it if it was first. */
  reject(waiter: Waiter<Payload, Result>, error: Error): void {
    if (!waiter.waiting) return;
    if (waiter === this.first) this.#serveAgain = true;
    this.#deferServing(() => {
      waiter.reject(error);
      this.#options.onLeft?.(waiter, error);
    });
  }

  /** Serves after `change`, not during it. */
  #deferServing(change: () => void): void {
    const nested = this.#serving;
    this.#serving = true;
    try {
      change();
    } finally {
      this.#serving = nested;
      if (!nested && this.#serveAgain) this.serve();
    }
  }

  #serveFromFront(): void {
    const { clock, name, serve } = this.#options;
    for (let { first } = this; first !== undefined; first = this.first) {
      // Its timer may be late; an expired waiter must neither be served nor block the waiters behind it.
      const rejection = rejectionIfOver(first.ctx, clock, name);
      if (rejection !== undefined) this.reject(first, rejection);
      else if (!serve(first) || first.waiting) return;
    }
  }

  /** Takes a waiter out; returns false if it was out already. */
  readonly #settle = (waiter: Waiter<Payload, Result>): boolean => {
    if (!waiter.waiting) return false;
    waiter.waiting = false;
    this.#waiters.discard(waiter);
    waiter.unwatch?.();
    waiter.unwatch = undefined;
    return true;
  };

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { first } = this;
    if (first === undefined || this.#options.waitMs === undefined) return;
    const waitMs = this.#options.waitMs(first);
    if (waitMs === Number.POSITIVE_INFINITY) return;
    // A primitive that cannot serve now and gives no time to wait is tried again a millisecond later.
    this.#timer = this.#options.clock.setTimer(this.serve, waitMs > 0 ? waitMs : 1);
  }
}
