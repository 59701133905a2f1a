import type { CallContext } from '../call-context.ts';
import type { Clock, Timer } from '../clock.ts';
import { RejectedError, type RejectionCode } from '../rejected-error.ts';
import { isOver, rejectionAtEntry, watchContext } from './call-end.ts';
import { Heap, HeapNode } from './heap.ts';

/** What a {@link WaitQueue} needs to know of the primitive that it belongs to. */
export interface WaitQueueOptions<Payload, Result> {
  readonly clock: Clock;
  /** The name of the primitive, for `rejectedBy`. */
  readonly name: string;
  /** How many callers may wait. Default: no bound. */
  readonly maxQueue?: number | undefined;
  /** Whether `ctx.priority` comes before the order of arrival. Default: false. */
  readonly byPriority?: boolean | undefined;
  /**
   * Serves the first waiter if it can be served now: takes what it needs, calls `waiter.resolve` and returns true; else returns
   * false and changes nothing. Must not throw.
   */
  readonly serve: (waiter: Waiter<Payload, Result>) => boolean;
  /** Milliseconds after which `serve` is worth a try if nothing else changes; `Infinity` if never. Default: never. */
  readonly waitMs?: ((waiter: Waiter<Payload, Result>) => number) | undefined;
  /** Called after a waiter has left without having been served. */
  readonly onLeft?: ((waiter: Waiter<Payload, Result>, error: Error) => void) | undefined;
}

/** A caller that waits in a {@link WaitQueue}. It is settled once, and leaves the queue by that. */
export class Waiter<Payload, Result> extends HeapNode {
  readonly payload: Payload;
  readonly ctx: CallContext;
  /** Whether it still waits. */
  waiting = true;
  /** Stops watching its context. */
  unwatch: (() => void) | undefined;
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

  /** Ends the wait with `result`. */
  resolve(result: Result): void {
    if (this.#settle(this)) this.#resolve(result);
  }

  /** Ends the wait with `error`. */
  reject(error: Error): void {
    if (this.#settle(this)) this.#reject(error);
  }
}

/**
 * Callers that wait for capacity, in order of arrival or of priority. One timer serves all of them. Cancelling costs O(1)
 * amortised, joining and serving O(log n). An expired or cancelled waiter is never served.
 *
 * The primitive calls {@link WaitQueue.serve} after every change that may free capacity. That may happen at any time, also
 * while the queue is serving: no wake-up is lost.
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

  /** The waiter whose turn it is; undefined if none waits. */
  get first(): Waiter<Payload, Result> | undefined {
    return this.#waiters.first;
  }

  /** All waiters, in no particular order. Settling one while iterating is not allowed: copy them first. */
  [Symbol.iterator](): Iterator<Waiter<Payload, Result>> {
    return this.#waiters[Symbol.iterator]();
  }

  /**
   * Waits until the primitive serves the caller. Rejects with `QUEUE_FULL` if `maxQueue` callers wait already, and with
   * `CANCELLED` or `DEADLINE_EXCEEDED` when `ctx` ends first.
   */
  wait(payload: Payload, ctx: CallContext): Promise<Result> {
    const { clock, name, byPriority } = this.#options;
    if (this.isFull) return Promise.reject(new RejectedError('QUEUE_FULL', name));
    return new Promise((resolve, reject) => {
      const rank = byPriority ? -(ctx.priority ?? 0) : 0;
      const waiter = new Waiter<Payload, Result>(payload, ctx, rank, this.#settle, resolve, reject);
      this.#waiters.add(waiter);
      const unwatch = watchContext(ctx, clock, name, (rejection) => this.#leave(waiter, rejection));
      // A context that was over already has called back before `unwatch` existed.
      if (waiter.waiting) waiter.unwatch = unwatch;
      else unwatch?.();
      if (this.#waiters.first === waiter && !this.#serving) this.#arm();
    });
  }

  /** Serves from the front as long as the primitive can; sets the timer for the next one. */
  readonly serve = (): void => {
    if (this.#serving) {
      this.#serveAgain = true;
      return;
    }
    if (this.#waiters.size === 0) {
      this.#disarm();
      return;
    }
    this.#serving = true;
    try {
      do {
        this.#serveAgain = false;
        this.#serveFromFront();
      } while (this.#serveAgain);
    } finally {
      this.#serving = false;
    }
    this.#arm();
  };

  /** Rejects every waiter with `code`. */
  rejectAll(code: RejectionCode): void {
    for (let first = this.first; first !== undefined; first = this.first) {
      this.#leave(first, new RejectedError(code, this.#options.name));
    }
  }

  /** Rejects one waiter, which leaves without having been served. */
  reject(waiter: Waiter<Payload, Result>, error: Error): void {
    this.#leave(waiter, error);
  }

  #serveFromFront(): void {
    const { clock, name } = this.#options;
    for (let first = this.first; first !== undefined; first = this.first) {
      // Its timer may be late; it must neither be served nor block the waiters behind it.
      if (isOver(first.ctx, clock)) {
        const rejection = rejectionAtEntry(first.ctx, clock, name);
        this.#leave(first, rejection ?? new RejectedError('CANCELLED', name));
      } else if (!this.#options.serve(first)) {
        return;
      }
    }
  }

  #leave(waiter: Waiter<Payload, Result>, error: Error): void {
    if (!waiter.waiting) return;
    waiter.reject(error);
    this.#options.onLeft?.(waiter, error);
    // The waiters behind it may fit now, and wait less.
    this.serve();
  }

  /** Takes a waiter out; false if it was out already. */
  readonly #settle = (waiter: Waiter<Payload, Result>): boolean => {
    if (!waiter.waiting) return false;
    waiter.waiting = false;
    this.#waiters.discard(waiter);
    waiter.unwatch?.();
    waiter.unwatch = undefined;
    return true;
  };

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#disarm();
    const { first } = this;
    if (first === undefined || this.#options.waitMs === undefined) return;
    const waitMs = this.#options.waitMs(first);
    // A primitive that cannot serve now and sees no reason to wait is asked again a millisecond later.
    if (waitMs < Number.POSITIVE_INFINITY) {
      this.#timer = this.#options.clock.setTimer(this.serve, waitMs > 0 ? waitMs : 1);
    }
  }
}
